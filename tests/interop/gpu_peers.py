#!/usr/bin/env python3
"""What transformers 5 does on this GPU with the shapes that device_benchmark times: an MoE layer by grouped_mm, prefill and decode of OLMoE's size.

    python3 tests/interop/gpu_peers.py [--device cuda|cpu] [--json] [--work FOLDER | --arctic FOLDER]

With --arctic FOLDER a layer of Arctic's size is written for `winnow prune`. With --work FOLDER: a checkpoint of that size is written there, questions behind shared prompts of five shots are scored by a replica of
lm-evaluation-harness's loop (sorted by length, padded, one forward a question, log-softmax of all positions), and prompts are continued by static-batch generate
and by generate_batch; items.json and answers of transformers stay there for ids_benchmark, which does the same work.

Random bf16 weights and data, times by the device's events (by the clock on the CPU, where sizes are small: that only tries the script). With --json one object
per figure and line, as ci/gpu_check reads them.
"""
import argparse
import json
import pathlib
import random
import statistics
import time

import torch
from transformers import MixtralConfig, MixtralForCausalLM

SHAPES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "shapes"
LAYERS = {"mixtral": (4096, 14336, 8, 2), "olmoe": (2048, 1024, 64, 8), "qwen3": (2048, 768, 128, 8)}  # hidden, width, experts, top-k
SMALL_LAYERS = {"mixtral": (64, 128, 8, 2), "olmoe": (32, 16, 64, 8), "qwen3": (32, 24, 128, 8)}


class Peer:
    def __init__(self, options):
        self.device = torch.device(options.device)
        self.small = options.device == "cpu"
        self.as_json = options.json

    def say(self, name, value, unit=""):
        print(json.dumps({"name": name, "value": value, "unit": unit}) if self.as_json else f"{name:50} {value:.4g} {unit}", flush=True)

    def seconds(self, run, repeats):
        """Of each repeat, after one that does not count."""
        run()
        times = []
        for _ in range(repeats):
            if self.device.type == "cuda":
                start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                start.record()
                run()
                end.record()
                end.synchronize()
                times.append(start.elapsed_time(end) / 1000)
            else:
                start = time.perf_counter()
                run()
                times.append(time.perf_counter() - start)
        return times

    def model(self, **changes):
        """Random weights drawn on the device, in transformers' own ranges."""
        config = MixtralConfig(**changes)
        with torch.device(self.device):
            model = MixtralForCausalLM._from_config(config, dtype=torch.bfloat16, experts_implementation="grouped_mm")
        return model.to(self.device).eval()

    def layers(self):
        for name, (hidden, width, experts, top_k) in (SMALL_LAYERS if self.small else LAYERS).items():
            model = self.model(hidden_size=hidden, intermediate_size=width, num_local_experts=experts, num_experts_per_tok=top_k, num_hidden_layers=1,
                               num_attention_heads=hidden // (16 if self.small else 128), num_key_value_heads=hidden // (16 if self.small else 128), vocab_size=32)
            block = model.model.layers[0].mlp
            for tokens in ((64,) if self.small else (64, 1024, 16384)):
                rows = torch.randn(1, tokens, hidden, dtype=torch.bfloat16, device=self.device)
                median = statistics.median(self.seconds(lambda: block(rows), 3 if self.small else 20))
                self.say(f"moe_layer/{name}/{tokens}/transformers_grouped_mm", median * 1000, "ms")
                self.say(f"moe_layer/{name}/{tokens}/transformers_grouped_mm/flops", 6 * tokens * top_k * hidden * width / median, "/s")
            del model, block

    def olmoe_size(self):
        config = json.loads((SHAPES / "olmoe_1b_7b_as_mixtral.json").read_text())
        for key in ("architectures", "model_type", "torch_dtype"):
            config.pop(key)
        if self.small:
            config.update(hidden_size=64, intermediate_size=32, num_attention_heads=4, num_key_value_heads=4, num_hidden_layers=2, vocab_size=512)
        return config

    def generation(self):
        config = self.olmoe_size()
        model = self.model(**config)
        for batch in (1, 32) if self.small else (1, 32, 128):
            prompts = torch.randint(config["vocab_size"], (batch, 16 if self.small else 1024), device=self.device)
            some = 1 if self.small else 16  # prompts forwarded together, as much as our token budget takes

            def prefill():
                for first in range(0, batch, some):
                    model(prompts[first:first + some], use_cache=True, logits_to_keep=1)

            median = statistics.median(self.seconds(prefill, 3))
            self.say(f"prefill/{batch}/transformers", prompts.numel() / median, "tokens/s")
            try:
                out = model(prompts, use_cache=True, logits_to_keep=1)
            except torch.OutOfMemoryError as error:
                self.say(f"decode/{batch}/transformers", 0.0, f"tokens/s (out of memory: {error})")
                continue
            cache, token = out.past_key_values, out.logits[:, -1:].argmax(-1)

            def step():
                nonlocal token
                token = model(token, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)

            median = statistics.median(self.seconds(step, 16))
            self.say(f"decode/{batch}/transformers", batch / median, "tokens/s")

    def write_items(self, folder):
        """Questions of the lengths of MMLU's behind prompts of five shots, prompts of GSM8K's; replies as long as its answers are."""
        draw = random.Random(1)
        vocabulary = self.olmoe_size()["vocab_size"]
        ids = lambda count: [draw.randrange(3, vocabulary) for _ in range(count)]
        questions = []
        for _ in range(2 if self.small else 16):
            shots = ids(30 if self.small else draw.randrange(350, 900))
            questions += [shots + ids(draw.randrange(5, 12) if self.small else draw.randrange(50, 220)) for _ in range(4 if self.small else 64)]
        prompts = [{"ids": ids(20 if self.small else draw.randrange(900, 1100)),
                    "new_tokens": 4 if self.small else min(256, max(24, round(draw.gauss(131, 60))))} for _ in range(6 if self.small else 256)]
        items = {"questions": questions, "letters": ids(4), "prompts": prompts}
        (folder / "items.json").write_text(json.dumps(items))
        return items

    def whole_loops(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        items = self.write_items(folder)
        model = self.model(**self.olmoe_size())
        model.save_pretrained(folder / "model", max_shard_size="4GB")
        scores = self.score(model, items)
        (folder / "transformers.json").write_text(json.dumps({"scores": scores}))
        self.generate(model, items)

    def arctic_layer(self, folder):
        """A checkpoint of one layer of Arctic's size (128 experts, 7168 x 4864) in Mixtral's form, and calibration of 128 x 2,048 token ids."""
        size = dict(hidden_size=7168, intermediate_size=4864, num_attention_heads=56, num_key_value_heads=8, num_local_experts=128)
        if self.small:
            size = dict(hidden_size=64, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2, num_local_experts=16)
        model = self.model(**size, num_experts_per_tok=2, num_hidden_layers=1, vocab_size=32000)
        folder.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(folder / "model", max_shard_size="4GB")
        draw = random.Random(1)
        sequences, length = (4, 32) if self.small else (128, 2048)
        (folder / "ids.json").write_text(json.dumps([[draw.randrange(32000) for _ in range(length)] for _ in range(sequences)]))

    def score(self, model, items):
        """A replica of HFLM._loglikelihood_tokens, not the harness itself."""
        questions, letters = items["questions"], torch.tensor(items["letters"], device=self.device)
        order = sorted(range(len(questions)), key=lambda i: -len(questions[i]))
        scores = [None] * len(questions)
        some = 4 if self.small else 16

        def run():
            for first in range(0, len(order), some):
                chunk = order[first:first + some]
                longest = max(len(questions[i]) for i in chunk)
                padded = torch.zeros(len(chunk), longest, dtype=torch.long, device=self.device)
                for row, i in enumerate(chunk):
                    padded[row, :len(questions[i])] = torch.tensor(questions[i], device=self.device)
                logits = torch.log_softmax(model(padded).logits, dim=-1)
                for row, i in enumerate(chunk):
                    scores[i] = logits[row, len(questions[i]) - 1, letters].float().tolist()

        seconds = self.seconds(run, 1 if self.small else 2)
        self.say("score/transformers_lm_eval_replica", len(questions) / min(seconds), "questions/s")
        return scores

    def generate(self, model, items):
        prompts = items["prompts"]
        some = 2 if self.small else 64

        def static():
            for first in range(0, len(prompts), some):
                chunk = prompts[first:first + some]
                longest = max(len(prompt["ids"]) for prompt in chunk)
                padded = torch.zeros(len(chunk), longest, dtype=torch.long, device=self.device)
                mask = torch.zeros_like(padded)
                for row, prompt in enumerate(chunk):
                    padded[row, longest - len(prompt["ids"]):] = torch.tensor(prompt["ids"], device=self.device)
                    mask[row, longest - len(prompt["ids"]):] = 1
                model.generate(padded, attention_mask=mask, max_new_tokens=max(prompt["new_tokens"] for prompt in chunk), do_sample=False, eos_token_id=None, pad_token_id=0)

        start = time.perf_counter()
        static()
        self.say("generate/transformers_static", len(prompts) / (time.perf_counter() - start), "replies/s")
        try:
            from transformers import GenerationConfig
            longest = max(prompt["new_tokens"] for prompt in prompts)
            start = time.perf_counter()
            replies = model.generate_batch([prompt["ids"] for prompt in prompts], generation_config=GenerationConfig(max_new_tokens=longest, do_sample=False, eos_token_id=-1, pad_token_id=0))
            short = [name for name, reply in replies.items() if len(reply.generated_tokens) < longest]
            if len(replies) < len(prompts) or short:
                raise RuntimeError(f"{len(replies)} replies to {len(prompts)} prompts, {len(short)} of them too short")
            self.say("generate/transformers_generate_batch", len(prompts) / (time.perf_counter() - start), f"replies/s (every reply {longest} tokens long: it knows one length)")
        except Exception as error:  # its interface is young: what it says is a figure too
            self.say("generate/transformers_generate_batch", 0.0, f"replies/s (failed: {str(error)[:200]})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", type=pathlib.Path, metavar="FOLDER", help="only the whole loops, with the checkpoint they leave for ids_benchmark")
    parser.add_argument("--arctic", type=pathlib.Path, metavar="FOLDER", help="only write a layer of Arctic's size and calibration tokens")
    options = parser.parse_args()
    peer = Peer(options)
    torch.manual_seed(1)
    if peer.small:
        torch.set_num_threads(1)
    with torch.no_grad():  # generate_batch writes from a thread of its own, which inference mode forbids
        if options.arctic:
            peer.arctic_layer(options.arctic)
            return
        if options.work:
            peer.whole_loops(options.work)
            return
        peer.layers()
        peer.generation()


if __name__ == "__main__":
    main()
