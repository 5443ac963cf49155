"""llama.cpp through its Python package."""

from __future__ import annotations

import argparse
import time
from typing import Any, Iterator

import numpy as np
from contract import Answer, run, threads
from llama_cpp import Llama
from parallel import Parallel

Lines = list[dict[str, Any]]
CONTEXT = 2048


def load(arguments: argparse.Namespace, *, logits_all: bool = False, context: int = CONTEXT) -> Llama:
    """The model with as many threads as every side gets."""
    return Llama(model_path=str(arguments.model), n_ctx=context, n_threads=threads(), n_threads_batch=threads(),
                 logits_all=logits_all, verbose=False)


def greedy(llama: Llama, tokens: list[int]) -> Iterator[int]:
    """Greedy tokens. `generate` keeps what the prompt shares with the one before: the prefix cache."""
    return llama.generate(tokens, temp=0.0, top_k=1, repeat_penalty=1.0)


def answer(llama: Llama, tokens: list[int], limit: int) -> list[int]:
    """New tokens up to the end of the turn or the limit."""
    new: list[int] = []
    for token in greedy(llama, tokens):
        if token == llama.token_eos():
            break
        new.append(token)
        if len(new) == limit:
            break
    return new


def sequential(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """One chat after another."""
    llama = load(arguments)
    started = time.perf_counter()
    answers = [answer(llama, line["tokens"], arguments.new_tokens) for line in lines]
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "tokens": sum(map(len, answers)), "answers": answers}


def parallel(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """Many sequences in each batch, by the low-level interface."""
    engine = Parallel(str(arguments.model), threads(), arguments.batch, one_cache=arguments.one_cache)
    prompts = [line["tokens"] for line in lines]
    started = time.perf_counter()
    answers = engine.run(prompts, arguments.new_tokens)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "tokens": sum(map(len, answers)), "answers": answers}


def log_probability(logits: np.ndarray, token: int) -> float:
    """The logarithm of the softmax at one token."""
    top = logits.max()
    return float(logits[token] - top - np.log(np.exp(logits - top).sum()))


def score(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """Log-probabilities of each label after each prompt.

    The prompt is read once for its labels, and what it shares with the one before stays in the cache.
    Logits of every position are asked for, as the interface demands for log-probabilities.
    """
    llama = load(arguments, logits_all=True, context=512)
    started = time.perf_counter()
    scores = [score_labels(llama, line["tokens"], line["labels"]) for line in lines]
    seconds = time.perf_counter() - started
    count = sum(len(label["tokens"]) for line in lines for label in line["labels"])
    return {"seconds": seconds, "tokens": count, "scores": scores}


def score_labels(llama: Llama, prompt: list[int], labels: Lines) -> list[float]:
    """One prompt's labels. `n_tokens` says how much of the cache counts; `eval` drops the rest."""
    # The last token is read again where all of the prompt is in the cache: its logits may be gone.
    llama.n_tokens = min(shared(llama, prompt), len(prompt) - 1)
    llama.eval(prompt[llama.n_tokens :])
    after_prompt = llama.scores[len(prompt) - 1].copy()
    scores = []
    for label in labels:
        tokens = label["tokens"]
        llama.n_tokens = len(prompt)
        if len(tokens) > 1:
            llama.eval(tokens[:-1])
        rows = [after_prompt, *llama.scores[len(prompt) : len(prompt) + len(tokens) - 1]]
        scores.append(sum(log_probability(row, token) for row, token in zip(rows, tokens, strict=True)))
    llama.n_tokens = len(prompt)
    return scores


def shared(llama: Llama, prompt: list[int]) -> int:
    """Tokens at the beginning that the cache already holds."""
    held = llama.input_ids[: llama.n_tokens][: len(prompt)]
    differ = np.flatnonzero(held != np.asarray(prompt[: len(held)]))
    return int(differ[0]) if len(differ) else len(held)


def single(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """Decoding alone: the clock starts at the first new token."""
    llama = load(arguments)
    new: list[int] = []
    started = time.perf_counter()
    for token in greedy(llama, lines[0]["tokens"]):
        if not new:
            started = time.perf_counter()
        if token == llama.token_eos():
            break
        new.append(token)
        if len(new) == arguments.new_tokens:
            break
    return {"seconds": time.perf_counter() - started, "tokens": len(new) - 1, "answers": [new]}


def first_token(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """From nothing to the first token; importing the package is not counted."""
    started = time.perf_counter()
    llama = load(arguments)
    token = next(greedy(llama, lines[0]["tokens"]))
    return {"seconds": time.perf_counter() - started, "tokens": 1, "answers": [[token]]}


if __name__ == "__main__":
    run({"sequential": sequential, "parallel": parallel, "score": score, "single": single, "load": first_token})
