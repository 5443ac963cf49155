"""PyTorch with transformers, peft and sentence-transformers, in 32-bit floats."""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from contract import Answer, run, threads

Lines = list[dict[str, Any]]
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LEARNING_RATE = 5e-4


def load(arguments: argparse.Namespace) -> Any:
    """The widened weights."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32)


def generate(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """`generate` on batches of prompts with like lengths, padded at the left."""
    model = load(arguments).eval()
    order = sorted(range(len(lines)), key=lambda index: len(lines[index]["tokens"]))
    answers: list[list[int]] = [[] for _ in lines]
    started = time.perf_counter()
    with torch.inference_mode():
        for at in range(0, len(order), arguments.batch):
            some = order[at : at + arguments.batch]
            new = generate_batch(model, [lines[index]["tokens"] for index in some], arguments.new_tokens)
            for index, tokens in zip(some, new, strict=True):
                answers[index] = tokens
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "tokens": sum(map(len, answers)), "answers": answers}


def generate_batch(model: Any, prompts: list[list[int]], limit: int) -> list[list[int]]:
    """New tokens of each prompt without the one that ends the turn."""
    end = model.config.eos_token_id
    width = max(map(len, prompts))
    padded = torch.tensor([[end] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    output = model.generate(input_ids=padded, attention_mask=mask, max_new_tokens=limit, do_sample=False,
                            pad_token_id=end)
    rows = output[:, width:].tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]


def train(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """LoRA on all linears: forward, backward, clipping and AdamW. The first steps are not counted."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LoraConfig(r=arguments.rank, lora_alpha=2 * arguments.rank, lora_dropout=0.0,
                        target_modules=LINEARS, task_type="CAUSAL_LM")
    model = get_peft_model(load(arguments), config).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE)
    rows = torch.tensor([line["tokens"] for line in lines])
    losses = []
    started = time.perf_counter()
    for index in range(arguments.warm_up + arguments.steps):
        if index == arguments.warm_up:
            started = time.perf_counter()
        losses.append(step(model, trained, optimizer, rows))
    seconds = time.perf_counter() - started
    tokens = arguments.steps * rows[:, :-1].numel()
    return {"seconds": seconds, "tokens": tokens, "first_loss": losses[0], "last_loss": losses[-1]}


def step(model: Any, trained: list[Any], optimizer: Any, rows: torch.Tensor) -> float:
    """One optimizer step on all rows. Returns the loss before it."""
    read, learned = rows[:, :-1], rows[:, 1:].contiguous()
    loss = model(input_ids=read, labels=learned, shift_labels=learned).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def embed(arguments: argparse.Namespace, lines: Lines) -> Answer:
    """`encode` as it comes: it sorts by length and batches."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(arguments.model), device="cpu")
    texts = [line["text"] for line in lines]
    started = time.perf_counter()
    vectors = model.encode(texts, batch_size=arguments.batch, normalize_embeddings=True)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "tokens": sum(line["tokens"] for line in lines), "vectors": vectors[:8].tolist()}


if __name__ == "__main__":
    torch.set_num_threads(threads())
    run({"generate": generate, "train": train, "embed": embed})
