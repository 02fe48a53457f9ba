#!/usr/bin/env python3
"""Stock transformers loads what `winnow prune` writes, and computes the same logits.

    python3 tests/interop/transformers_loads_exports.py build/release/winnow

Needs a Python with torch and transformers 5; without them it says so and exits with 77. Every case: `winnow plan`, `winnow prune --plan`, then the
logits of transformers on the folder against `winnow trace` on it and against `winnow trace --plan` on the model it came from. Prints the largest
difference |a - b| / max(1, |b|) of each and exits with 1 where one is over 1e-4, or where transformers misses or does not know a tensor. Where layers
keep different numbers of experts transformers refuses the folder: then the two traces are compared.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "pruning"
TOLERANCE = 1e-4
RANDOM_6 = {"pruner": "random", "experts_kept": 6, "seed": 1}
REAP_6 = {"pruner": "reap", "experts_kept": 6}
WANDA = {"pruner": "wanda", "sparsity": 0.5}
CASES = [
    ("mixtral8", "random 6", [RANDOM_6]),
    ("mixtral8", "reap 6", [REAP_6]),
    ("mixtral8", "wanda 50 %", [WANDA]),
    ("mixtral8", "reap 6, wanda 50 %", [REAP_6, WANDA]),
    ("mixtral8", "hc_smoe 6", [{"pruner": "hc_smoe", "groups": 6}]),
    ("mixtral8", "stun, a quarter", [{"pruner": "stun", "distance": "router", "ratio": 0.25}]),
    ("mixtral16", "hc_smoe 8", [{"pruner": "hc_smoe", "groups": 8}]),
    ("qwen8", "random 6", [RANDOM_6]),
    ("qwen8", "reap 6", [REAP_6]),
    ("qwen8", "wanda 50 %", [WANDA]),
]


def run(*command) -> None:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\nexited with {result.returncode}: {result.stderr.strip()}")


def largest_difference(found, expected) -> float:
    return max(((a - b).abs() / b.abs().clamp_min(1)).max().item() for a, b in zip(found, expected, strict=True))


def is_uniform(folder: pathlib.Path) -> bool:
    return not json.loads((folder / "config.json").read_text()).get("per_layer_config")


def load(folder: pathlib.Path):
    """The model and what its tensors lack or have too much of; of different counts in its layers, the name of the error instead."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    except Exception as error:  # of the library's own kinds, which differ between its versions
        if is_uniform(folder):
            raise
        return None, type(error).__name__
    return model.eval(), {key: value for key, value in report.items() if value}


def check(winnow: str, model: str, steps: list, work: pathlib.Path, prompts: list) -> tuple[str, float]:
    """What to print, and the largest difference."""
    import torch
    from safetensors.torch import load_file

    source, variant, plan, folder = FIXTURES / model, work / "variant.json", work / "plan.json", work / "export"
    variant.write_text(json.dumps({"label": "exported", "steps": steps}))
    run(winnow, "plan", source, "--with", variant, "--calibration-tokens", work / "calibration.json", "--out", plan)
    run(winnow, "prune", source, "--plan", plan, "--out", folder)
    run(winnow, "trace", folder, "--tokens", work / "prompts.json", "--out", work / "export.safetensors")
    run(winnow, "trace", source, "--plan", plan, "--tokens", work / "prompts.json", "--out", work / "plan.safetensors")
    traces = [load_file(work / f"{name}.safetensors") for name in ("export", "plan")]
    of_export, of_plan = ([trace[f"prompt.{i}.logits"] for i in range(len(prompts))] for trace in traces)
    loaded, faults = load(folder)
    if loaded is None:
        difference = largest_difference(of_export, of_plan)
        return f"different counts, transformers refuses ({faults}); trace of the export against that of the plan {difference:.1e}", difference
    if faults:
        raise SystemExit(f"{model} {steps}: transformers reports {faults}")
    with torch.inference_mode():
        theirs = [loaded(torch.tensor([ids])).logits[0] for ids in prompts]
    export_difference, plan_difference = largest_difference(of_export, theirs), largest_difference(of_plan, theirs)
    return f"against trace of the export {export_difference:.1e}, of the plan {plan_difference:.1e}", max(export_difference, plan_difference)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("winnow", help="the program, build/release/winnow")
    arguments = parser.parse_args()
    try:
        import torch
        import transformers
    except ImportError as error:
        print(f"skipped: {error}; a virtual environment with torch and transformers 5 is needed")
        return 77
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    tokens = json.loads((FIXTURES / "tokens.json").read_text())
    failed = 0
    for model, name, steps in CASES:
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            (work / "calibration.json").write_text(json.dumps(tokens["calibration"]))
            (work / "prompts.json").write_text(json.dumps(tokens["prompts"]))
            line, difference = check(arguments.winnow, model, steps, work, tokens["prompts"])
        failed += not difference <= TOLERANCE
        print(f"{model:10} {name:20} {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
