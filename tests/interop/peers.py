#!/usr/bin/env python3
"""Prefill and decode of one model shape with random bf16 weights: our engine beside transformers 5 with grouped_mm, in turns.

    python3 tests/interop/peers.py build/release/tests/engine_benchmark [--rounds 3] [--threads 2]

Needs a Python with torch and transformers 5 (a virtual environment will do); our benchmark is built by `cmake --build build/release --target
engine_benchmark`. Prints both sides' tokens per second for every round, and the ratio of each pair.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

SHAPE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "shapes" / "mixtral_0_79b.json"


def transformers_rates(threads: int) -> dict:
    """Tokens per second of prefill 4 x 512 and of greedy decoding at batch 1 after a prompt of 128."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(SHAPE)
    config._experts_implementation = "grouped_mm"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, experts_implementation="grouped_mm").eval()
    rates = {}
    with torch.inference_mode():
        prompts = torch.randint(config.vocab_size, (4, 512))
        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            model(prompts, use_cache=True, logits_to_keep=1)
            seconds.append(time.perf_counter() - start)
        rates["prefill"] = prompts.numel() / statistics.median(seconds[1:])
        steps = 48
        out = model(torch.randint(config.vocab_size, (1, 128)), use_cache=True, logits_to_keep=1)
        token, seconds = out.logits[:, -1:].argmax(-1), []
        for _ in range(steps):
            start = time.perf_counter()
            out = model(token, past_key_values=out.past_key_values, use_cache=True)
            token = out.logits[:, -1:].argmax(-1)
            seconds.append(time.perf_counter() - start)
        rates["decode"] = 1 / statistics.median(seconds[4:])
    return rates


def our_rates(program: str, threads: int) -> dict:
    command = [program, "--benchmark_filter=^(Prefill/4/512|Decode/1)/", "--benchmark_format=json", "--benchmark_min_time=2"]
    result = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "WINNOW_BENCHMARK_THREADS": str(threads)})
    rates = {run["name"]: run["tokens_per_second"] for run in json.loads(result.stdout)["benchmarks"]}
    return {"prefill": rates["Prefill/4/512/real_time"], "decode": rates["Decode/1/real_time"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="path of engine_benchmark")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--transformers-once", action="store_true", help="print the rates of transformers as JSON and stop")
    options = parser.parse_args()
    if options.transformers_once:
        print(json.dumps(transformers_rates(options.threads)))
        return 0
    if not options.program:
        parser.error("name the benchmark program")
    ratios = {"prefill": [], "decode": []}
    for number in range(1, options.rounds + 1):
        # A process each: neither side's threads or memory are there while the other one runs.
        once = [sys.executable, __file__, "--transformers-once", "--threads", str(options.threads)]
        theirs = json.loads(subprocess.run(once, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        ours = our_rates(options.program, options.threads)
        for what in ratios:
            ratios[what].append(ours[what] / theirs[what])
            print(f"round {number} {what:8} winnow {ours[what]:8.1f} tok/s   transformers {theirs[what]:8.1f} tok/s   ratio {ratios[what][-1]:.2f}", flush=True)
    load = os.getloadavg()[0]
    for what, values in ratios.items():
        print(f"{what:8} ratio: median {statistics.median(values):.2f}, lowest {min(values):.2f}, highest {max(values):.2f} (load average {load:.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
