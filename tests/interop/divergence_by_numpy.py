#!/usr/bin/env python3
"""The task `divergence` against numpy, from the logits of `winnow trace`.

    python3 tests/interop/divergence_by_numpy.py build/release/winnow [--record tests/fixtures/measure/divergence.json]

Needs numpy. Runs a sweep of the dense tiny Mixtral and of random-6 (fixtures, sample text, f32), then traces the same windows with and without the
plan that the sweep stored, and computes every metric of `divergence` from the two files of logits. Prints each with the difference |a - b| / max(1, |b|) and
exits with 1 where one is over 1e-6. Errors are compared with a bootstrap of the blocks by numpy, to a tenth. `--record` writes what numpy found, as tests/app reads it.
"""
import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import numpy as np

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
MODEL = FIXTURES / "lm_eval" / "tiny_mixtral"
WINDOW = 64
TOLERANCE, ERROR_TOLERANCE = 1e-6, 0.1
LEAST_BLOCKS, DRAWS = 32, 4000


def run(*command, text="") -> str:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, input=text)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\nexited with {result.returncode}: {result.stderr.strip()}")
    return result.stdout


def read_safetensors(path: pathlib.Path) -> dict:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    dtypes = {"F32": np.float32, "I64": np.int64, "I32": np.int32}
    return {
        name: np.frombuffer(data, dtypes[entry["dtype"]], offset=8 + length + entry["data_offsets"][0], count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] in dtypes
    }


def log_softmax(logits: np.ndarray) -> np.ndarray:
    wide = logits.astype(np.float64)
    wide = wide - wide.max(axis=1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))


def blocks_of(windows: list) -> list:
    """Lengths as tasks/shared/block_errors cuts them."""
    counts = [len(window) - 1 for window in windows]
    if len(counts) >= LEAST_BLOCKS:
        return counts
    lengths = []
    for count in counts:
        parts = min(max((count * LEAST_BLOCKS + sum(counts) - 1) // sum(counts), 1), count)
        lengths += [count * (part + 1) // parts - count * part // parts for part in range(parts)]
    return lengths


def bootstrap(statistic, columns, lengths) -> float:
    generator = np.random.default_rng(20261122)
    ends = np.cumsum(lengths)
    ranges = [np.arange(end - length, end) for end, length in zip(ends, lengths)]
    found = []
    for _ in range(DRAWS):
        rows = np.concatenate([ranges[i] for i in generator.integers(0, len(ranges), len(ranges))])
        found.append(statistic(*(column[rows] for column in columns)))
    return float(np.std(found, ddof=1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("winnow")
    parser.add_argument("--record", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sweep = {
            "name": "sample",
            "models": [{"name": "tiny", "path": str(MODEL), "dtype": "f32"}],
            "variants": [{"label": "dense", "steps": []}, {"label": "random-6", "steps": [{"pruner": "random", "experts_kept": 6, "seed": 1}]}],
            "tasks": [{"task": "divergence", "window": WINDOW, "bos": "none"}],
            "threads": 1,
            "token_budget": 512,
        }
        (folder / "sweep.json").write_text(json.dumps(sweep))
        run(arguments.winnow, "run", folder / "sweep.json", "--data", FIXTURES / "sample_data", "--unverified-data", "--quiet")
        store = sqlite3.connect(folder / "sample.sqlite")
        plan, ours = store.execute("SELECT plan_json FROM plans").fetchone()[0], {}
        query = "SELECT metrics.name, value, stderr FROM metrics JOIN trials ON trials.id = trial_id JOIN cells ON cells.key = cell_key WHERE variant = 'random-6'"
        for metric, value, error in store.execute(query):
            ours[metric] = (value, error)
        (folder / "plan.json").write_text(plan)
        windows, dense, pruned = trace_windows(arguments.winnow, folder)
        found, errors = compute(windows, dense, pruned)
    worst = 0.0
    for metric, value in found.items():
        difference = abs(value - ours[metric][0]) / max(1, abs(value))
        worst = max(worst, difference)
        print(f"{metric:32} {value:.9f} {ours[metric][0]:.9f} {difference:.1e}")
    worst_error = max(abs(ours[metric][1] / error - 1) for metric, error in errors.items())
    for metric, error in errors.items():
        print(f"± {metric:30} {error:.6f} {ours[metric][1]:.6f}")
    print(f"largest difference {worst:.1e} (at most {TOLERANCE:.0e}); errors within {worst_error:.1%} of a bootstrap")
    if arguments.record:
        arguments.record.write_text(json.dumps({"tokens": sum(len(window) - 1 for window in windows), "metrics": found, "errors": errors}, indent=1) + "\n")
    return int(worst > TOLERANCE or worst_error > ERROR_TOLERANCE)


def trace_windows(winnow: str, folder: pathlib.Path):
    lines = (FIXTURES / "sample_data" / "wikitext2" / "wiki.test.raw").read_text().splitlines(keepends=True)
    text = "\n\n".join(line if line.strip() else "" for line in lines)
    ids = json.loads(run(winnow, "tokenize", MODEL, text=json.dumps([text])))[0][1:]  # without BOS
    windows = [ids[i * WINDOW : (i + 1) * WINDOW] for i in range(len(ids) // WINDOW)]
    (folder / "ids.json").write_text(json.dumps(windows))
    run(winnow, "trace", MODEL, "--tokens", folder / "ids.json", "--out", folder / "dense.safetensors")
    run(winnow, "trace", MODEL, "--tokens", folder / "ids.json", "--plan", folder / "plan.json", "--out", folder / "pruned.safetensors")
    return windows, read_safetensors(folder / "dense.safetensors"), read_safetensors(folder / "pruned.safetensors")


def compute(windows, dense, pruned):
    columns = {"kl": [], "p": [], "q": [], "same": []}
    for i, window in enumerate(windows):
        p, q = log_softmax(dense[f"prompt.{i}.logits"])[:-1], log_softmax(pruned[f"prompt.{i}.logits"])[:-1]
        columns["kl"].append((np.exp(p) * (p - q)).sum(axis=1))
        rows, true = np.arange(len(window) - 1), np.array(window[1:])
        columns["p"].append(p[rows, true])
        columns["q"].append(q[rows, true])
        columns["same"].append((p.argmax(axis=1) == q.argmax(axis=1)).astype(float))
    kl, p, q, same = (np.concatenate(columns[name]) for name in ("kl", "p", "q", "same"))
    change = np.exp(q) - np.exp(p)
    found = {"kl_divergence": kl.mean(), "same_top": same.mean(), "log_perplexity_ratio": (p - q).mean(), "perplexity_ratio": np.exp((p - q).mean()),
             "perplexity": np.exp(-q.mean()), "perplexity_dense": np.exp(-p.mean()), "probability_change_rms": np.sqrt((change**2).mean()),
             "log_perplexity_ratio_token_error": np.std(p - q, ddof=1) / np.sqrt(len(p))}
    for suffix, share in (("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1)):
        found[f"kl_divergence_{suffix}"] = np.quantile(kl, share)
    for suffix, share in (("min", 0), ("p01", 0.01), ("p05", 0.05), ("p10", 0.1), ("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1)):
        found[f"probability_change_{suffix}"] = np.quantile(change, share)
    lengths = blocks_of(windows)
    errors = {"kl_divergence": bootstrap(np.mean, [kl], lengths),
              "kl_divergence_median": bootstrap(np.median, [kl], lengths),
              "kl_divergence_p90": bootstrap(lambda x: np.quantile(x, 0.9), [kl], lengths),
              "same_top": bootstrap(np.mean, [same], lengths),
              "perplexity": bootstrap(lambda x: np.exp(-x.mean()), [q], lengths),
              "perplexity_ratio": bootstrap(lambda a, b: np.exp((a - b).mean()), [p, q], lengths),
              "log_perplexity_ratio": bootstrap(lambda a, b: (a - b).mean(), [p, q], lengths)}
    return {name: float(value) for name, value in found.items()}, errors


if __name__ == "__main__":
    sys.exit(main())
