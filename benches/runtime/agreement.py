#!/usr/bin/env python3
"""Compares this runtime's tokens with llama.cpp's, on the same GGUF file.

One command: makes its own virtual environment, builds the example `next_token`, runs both and prints a table.

    python3 benches/runtime/agreement.py [MODEL.gguf]

llama.cpp rounds activations to eight bits when it multiplies with quantized weights, this runtime does not.
So llama.cpp is also run on the same weights widened to 32-bit floats (by llama.cpp itself): there the two
must agree but for near-ties. The prompts are made here and hold digits, accents, code and empty lines.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import environment

NEW_TOKENS = 24

SYSTEMS = [
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    "You answer questions of hotel staff. Use a short phrase, a number or a date.",
]
QUESTIONS = [
    "What is the capital of France?",
    "Is there parking for employees?",
    "How much is 17 + 25?",
    "List three colours.",
    "When does the night shift of 24 December 2026 end?",
    "Translate to French: good morning",
    "What does the code `for (int i = 0; i < 10; i++) {}` do?",
    "Who wrote Hamlet?",
    "I paid £43.50 and 1,250.00 euros. How much is that?",
    "Où est la réception, s'il vous plaît?",
    "Name a fruit.\n\nThen name a vegetable.",
    "   leading spaces and\ttabs   ",
    "What's the difference between it's and its?",
    "Explain gravity to a child.",
    "Write an email to payroll about 3 missing hours.",
    "日本の首都はどこですか?",
]


def prompts():
    """Chats as the model's template writes them: each question under each system message."""
    turn = "<|im_start|>{}\n{}<|im_end|>\n"
    opening = "<|im_start|>assistant\n"
    return [turn.format("system", s) + turn.format("user", q) + opening for s in SYSTEMS for q in QUESTIONS]


def ours(model, texts):
    """Runs the example in release mode. Returns one record a prompt."""
    named = os.environ.get("EMPIRIC_NEXT_TOKEN")
    program = Path(named) if named else environment.example("next_token")
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    run = subprocess.run([program, model], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def theirs(model, texts):
    """Tokens and greedy continuations by llama.cpp, one prompt after another."""
    from llama_cpp import Llama

    llama = Llama(model_path=str(model), n_ctx=2048, n_threads=os.cpu_count(), logits_all=False, verbose=False)
    records = []
    for text in texts:
        tokens = llama.tokenize(text.encode(), add_bos=False, special=True)
        greedy = []
        llama.reset()
        for token in llama.generate(tokens, temp=0.0, top_k=1, repeat_penalty=1.0):
            if token == llama.token_eos() or len(greedy) == NEW_TOKENS:
                break
            greedy.append(token)
        records.append({"tokens": tokens, "greedy": greedy})
    return records


def widened(model, folder):
    """The same weights as 32-bit floats, written by llama.cpp."""
    import llama_cpp

    target = Path(folder) / "widened.gguf"
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_ALL_F32
    params.allow_requantize = True
    if llama_cpp.llama_model_quantize(str(model).encode(), str(target).encode(), params) != 0:
        raise SystemExit("llama.cpp could not widen the weights")
    return target


def compare(name, left, right):
    """Counts equal tokenizations, next tokens, and whole continuations."""
    pairs = list(zip(left, right, strict=True))
    same_tokens = sum(a["tokens"] == b["tokens"] for a, b in pairs)
    same_next = sum(a["greedy"][:1] == b["greedy"][:1] for a, b in pairs)
    same_whole = sum(a["greedy"] == b["greedy"] for a, b in pairs)
    steps = [steps_compared(a["greedy"], b["greedy"]) for a, b in pairs]
    equal, compared = sum(e for e, _ in steps), sum(c for _, c in steps)
    n = len(pairs)
    print(f"| {name} | {same_tokens}/{n} | {same_next}/{n} | {equal}/{compared} ({equal / compared:.1%}) | {same_whole}/{n} |")


def steps_compared(a, b):
    """Next tokens chosen after the same context: all up to and with the first that differs."""
    equal = 0
    for x, y in zip(a, b):
        if x != y:
            return equal, equal + 1
        equal += 1
    return equal, equal + (len(a) != len(b))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="default: the file that `models.txt` brings")
    parser.add_argument("--venv", type=Path, default=environment.DEFAULT_VENV)
    args = parser.parse_args()
    environment.enter(args.venv)
    args.model = args.model or environment.packaged(args.venv, environment.MODEL)
    texts = prompts()
    mine = ours(args.model.resolve(), texts)
    print(f"{len(texts)} prompts, up to {NEW_TOKENS} greedy tokens each\n")
    print("| llama.cpp on | same prompt tokens | same first token | same choice after the same context | same continuation |")
    print("|---|---|---|---|---|")
    compare("the file as it is", mine, theirs(args.model, texts))
    with tempfile.TemporaryDirectory() as folder:
        compare("its weights as 32-bit floats", mine, theirs(widened(args.model, folder), texts))


if __name__ == "__main__":
    main()
