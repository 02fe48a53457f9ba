#!/usr/bin/env python3
"""A pruning method of one's own in numpy: reads what `winnow calibrate` observed, scores the experts and writes a plan for `winnow run`.

    winnow calibrate MODEL --calibration FILE.json --observe counts,gates,output_norms --out STATS.safetensors
    python3 tests/interop/numpy_pruner.py STATS.safetensors --experts-kept 6 --out PLAN.json
    winnow run a sweep whose variant has the step {"pruner": "plan", "file": "PLAN.json"}

Two scores: `frequency`, which keeps what the pruner of that name keeps, and `norm_sqrt_count`, a new one: mean output norm · √count.
"""
import argparse
import json

import numpy

DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4"}
SCORES = {
    "frequency": lambda layer: layer["count"],
    "norm_sqrt_count": lambda layer: layer["output_norm"] / numpy.maximum(layer["count"], 1) * numpy.sqrt(layer["count"]),
}


def read_stats(path):
    """safetensors by hand: an 8-byte length, a JSON header, the bytes. → {layer: {statistic: array}}, metadata."""
    data = open(path, "rb").read()
    start = 8 + int.from_bytes(data[:8], "little")
    header, layers = json.loads(data[8:start]), {}
    metadata = header.pop("__metadata__")
    for name, entry in header.items():
        _, layer, statistic = name.split(".", 2)  # layer.<l>.<statistic>
        begin, end = entry["data_offsets"]
        layers.setdefault(int(layer), {})[statistic] = numpy.frombuffer(data[start + begin:start + end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return layers, metadata


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stats", help="STATS.safetensors")
    parser.add_argument("--experts-kept", type=int, required=True)
    parser.add_argument("--score", choices=SCORES, default="norm_sqrt_count")
    parser.add_argument("--out", required=True, help="PLAN.json")
    arguments = parser.parse_args()
    layers, metadata = read_stats(arguments.stats)
    plan = {"format": "winnow-plan-1", "model": metadata["model"], "steps": [{"pruner": arguments.score, "version": 1}], "layers": []}
    for number in sorted(number for number in layers if "count" in layers[number]):  # dense layers have no counts
        scores = SCORES[arguments.score](layers[number]).astype(float)
        kept = sorted(numpy.argsort(scores, kind="stable")[-arguments.experts_kept:].tolist())
        plan["layers"].append({"layer": number, "kept": kept, "scores": scores.tolist()})
        print(f"layer {number}: keeps {kept}")
    with open(arguments.out, "w") as file:
        json.dump(plan, file, indent=1)


if __name__ == "__main__":
    main()
