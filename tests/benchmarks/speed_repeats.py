#!/usr/bin/env python3
"""Whether `speed` says the same twice, and whether dropped experts save bytes where they should: on the 0.79 B shape with random weights.

    python3 tests/benchmarks/speed_repeats.py build/release/winnow [--repetitions 10] [--threads 2] [--context 128] [--new-tokens 16]

A repetition runs the sweep twice, each time in a new process with a new store, and asks of every speed (variant, batch size, prefill and decode) whether the
two ranges, slowest to fastest round, overlap. Prints the shares, the bytes of weights read per step by batch size and variant, and every run that was marked
contended: on a machine that is not quiet the answer is about the machine. Exits with 1 where, over the speeds, less than 9 of 10 overlap, where tokens per
second times seconds are not the counted tokens, or where bytes do not fall at batch size 8 or do at 1. Needs no package.
"""
import argparse
import collections
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

SHAPE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "shapes" / "mixtral_0_79b.json"
KEPT = (8, 6, 4)
QUERY = "SELECT variant, leaf, metrics.name, value FROM metrics JOIN trials ON trials.id = trial_id JOIN cells ON cells.key = cell_key"


def sweep(arguments) -> dict:
    variants = [{"label": f"{kept} experts", "steps": [] if kept == 8 else [{"pruner": "random", "experts_kept": kept, "seed": 1}]} for kept in KEPT]
    speed = {"task": "speed", "batch_sizes": [1, 8, 32], "context": arguments.context, "new_tokens": arguments.new_tokens}
    return {"name": "speed", "models": [{"name": "0.79B", "config": str(SHAPE), "weights": "random", "seed": 1}], "variants": variants, "tasks": [speed],
            "threads": arguments.threads}


def measure(arguments) -> dict:
    """(variant, batch, metric) → value."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "sweep.json").write_text(json.dumps(sweep(arguments)))
        result = subprocess.run([arguments.winnow, "run", str(folder / "sweep.json"), "--quiet"], capture_output=True, text=True)
        if result.returncode != 0:
            raise SystemExit(f"winnow run exited with {result.returncode}: {result.stderr.strip()}")
        return {(variant, leaf, metric): value for variant, leaf, metric, value in sqlite3.connect(folder / "speed.sqlite").execute(QUERY)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("winnow")
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=16)
    arguments = parser.parse_args()
    overlapping, contended, miscounted, values = collections.Counter(), 0, 0, {}
    speeds = [(f"{kept} experts", f"batch_{size}", phase) for kept in KEPT for size in (1, 8, 32) for phase in ("prefill", "decode")]
    for repetition in range(arguments.repetitions):
        first, second = measure(arguments), measure(arguments)
        values = second
        for variant, leaf, phase in speeds:
            low, high = ([run[variant, leaf, f"{phase}_tokens_per_second_{end}"] for run in (first, second)] for end in ("low", "high"))
            overlapping[variant, leaf, phase] += max(low) <= min(high)
            for run in (first, second):
                rate, seconds, tokens = (run[variant, leaf, f"{phase}_{name}"] for name in ("tokens_per_second", "seconds", "tokens"))
                miscounted += abs(rate * seconds - tokens) > 1e-6
        contended += sum(run[f"{KEPT[0]} experts", "", "contended"] for run in (first, second))
        print(f"repetition {repetition + 1}: {sum(overlapping.values())} of {len(speeds) * (repetition + 1)} ranges overlap so far", flush=True)
    for variant, leaf, phase in speeds:
        print(f"{variant:10} {leaf:9} {phase:8} overlap in {overlapping[variant, leaf, phase]} of {arguments.repetitions}, "
              f"last {values[variant, leaf, phase + '_tokens_per_second']:.1f} tokens/s")
    falls = {}
    for size in (1, 8, 32):
        read = [values[f"{kept} experts", f"batch_{size}", "weight_bytes_per_step"] / 2**20 for kept in KEPT]
        touched = [values[f"{kept} experts", f"batch_{size}", "experts_touched"] for kept in KEPT]
        falls[size] = read[0] - min(read[1:])
        print(f"batch {size:2}: MiB of weights read per step {', '.join(f'{mib:.1f} ({kept} kept, {t:.2f} touched)' for mib, kept, t in zip(read, KEPT, touched))}")
    share = sum(overlapping.values()) / (len(speeds) * arguments.repetitions)
    print(f"{share:.0%} of ranges overlap; {contended:.0f} of {2 * arguments.repetitions} runs were contended; {miscounted} rates that do not give their tokens")
    return int(share < 0.9 or miscounted > 0 or falls[8] < 50 or falls[1] > 0.5)  # routers of dropped experts are a few KiB


if __name__ == "__main__":
    sys.exit(main())
