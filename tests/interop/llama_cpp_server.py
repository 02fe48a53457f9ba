"""Compares a model served by llama-cpp-python's server with the same weights in our engine, through `winnow run`.

usage: llama_cpp_server.py [--winnow build/release/winnow] [--model tests/fixtures/lm_eval/tiny_mixtral] [--work /tmp/winnow-llama-cpp] [--tolerance 0.02]

Run it by a Python with torch and transformers (llama.cpp's converter needs them). The server is built from its PyPI source into a virtual
environment of its own below --work, once (minutes on few cores). Weights are converted to f32, keys and values are kept in f32.
"""
import argparse
import glob
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "llama-cpp-python==0.3.36"
CMAKE = "-DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF"
TASKS = [{"task": "mmlu", "subjects": ["astronomy", "elementary_mathematics"], "shots": 0}, {"task": "gsm8k", "shots": 0, "limit": 4, "max_new_tokens": 8}]


def run(*command, **keywords):
    print("+", " ".join(str(word) for word in command), flush=True)
    subprocess.run([str(word) for word in command], check=True, **keywords)


def install(work):
    python = work / "venv/bin/python"
    if not (work / "venv/installed").exists():
        run(sys.executable, "-m", "venv", "--clear", work / "venv")
        run(python, "-m", "pip", "install", "-q", f"{PACKAGE.replace('==', '[server]==')}", env={**os.environ, "CMAKE_ARGS": CMAKE})
        (work / "venv/installed").touch()
    if not glob.glob(str(work / "source/*/vendor")):
        run(python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", work / "sdist", PACKAGE)
        (work / "source").mkdir(exist_ok=True)
        run("tar", "xzf", *(work / "sdist").glob("llama_cpp_python*.tar.gz"), "-C", work / "source")
    if not (work / "extra").exists():
        run(python, "-m", "pip", "install", "-q", "--no-deps", "--target", work / "extra", "sentencepiece", "protobuf")
    return python


def convert(work, model):
    llama = pathlib.Path(glob.glob(str(work / "source/*/vendor/llama.cpp"))[0])
    gguf = work / "model.gguf"
    paths = f"{work / 'extra'}:{llama / 'gguf-py'}"
    run(sys.executable, llama / "convert_hf_to_gguf.py", model, "--outtype", "f32", "--outfile", gguf, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.DEVNULL)
    return gguf


def serve(work, python, gguf):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # logits_all gives log-probabilities of prompts; the server sorts all logits of n_ctx rows for each reply, so that a small n_ctx is quick.
    arguments = f"--model {gguf} --model_alias served --n_ctx 512 --n_batch 512 --logits_all true --type_k 0 --type_v 0 --n_threads 1 --host 127.0.0.1 --port {port}"
    server = subprocess.Popen([str(python), "-m", "llama_cpp.server", *arguments.split()], cwd=work, stdout=open(work / "server.log", "w"), stderr=subprocess.STDOUT)
    for _ in range(120):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2)
            return server, port
        except OSError:
            time.sleep(1)
    server.terminate()
    raise SystemExit(f"the server did not start; see {work / 'server.log'}")


def compare(store):
    query = ("SELECT cells.model, cells.task, answers.example_id, answers.filter, answers.log_likelihoods_json, answers.greedy_json, coalesce(answers.raw_reply, '')"
             " FROM answers JOIN trials ON trials.id = answers.trial_id JOIN cells ON cells.key = trials.cell_key")
    answers = {}
    for model, *key, numbers, greedy, reply in sqlite3.connect(store).execute(query):
        answers.setdefault(tuple(key), {})[model] = (json.loads(numbers), json.loads(greedy), reply.strip())
    pairs = [(both["ours"], both["served"]) for both in answers.values()]
    worst = max((abs(x - y) for ours, served in pairs for x, y in zip(ours[0], served[0])), default=0.0)
    print(f"{len(pairs)} answers; largest difference of a log-likelihood {worst:.2g}; "
          f"greedy the same in {sum(a[1] == b[1] for a, b in pairs)}, replies in {sum(a[2] == b[2] for a, b in pairs)}")
    return worst, all(a[1] == b[1] and a[2] == b[2] for a, b in pairs) and len(pairs) > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--winnow", type=pathlib.Path, default=ROOT / "build/release/winnow")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "tests/fixtures/lm_eval/tiny_mixtral")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/winnow-llama-cpp"))
    parser.add_argument("--tolerance", type=float, default=0.02)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    python = install(options.work)
    gguf = convert(options.work, options.model)
    server, port = serve(options.work, python, gguf)
    try:
        models = [{"name": "ours", "path": str(options.model.resolve()), "dtype": "f32"},
                  {"name": "served", "endpoint": f"http://127.0.0.1:{port}/v1", "model": "served", "tokenizer": str(options.model.resolve()), "concurrency": 1}]
        sweep = options.work / "sweep.json"
        sweep.write_text(json.dumps({"name": "llama_cpp", "models": models, "variants": [{"label": "dense", "steps": []}], "tasks": TASKS, "threads": 1}))
        store = options.work / "llama_cpp.sqlite"
        for old in options.work.glob("llama_cpp.sqlite*"):
            old.unlink()
        run(options.winnow, "run", sweep, "--store", store, "--data", ROOT / "tests/fixtures/sample_data", "--unverified-data")
        worst, same = compare(store)
    finally:
        server.terminate()
        server.wait()
    return 0 if same and worst <= options.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
