"""What is measured: the work, who does it, and the bars.

A side is a program, its command and its model; programs keep to `peers/contract.py`. To measure other work,
add its lines to `workloads.py`, a command to both sides, and an entry here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

OURS = "bench_runtime"
LLAMA = "llama_cpp_peer.py"
TORCH = "torch_peer.py"


class Unit(Enum):
    """What a side's speed is told in."""

    SECONDS = "s"
    RATE = "tokens/s"


class Limit(Enum):
    """What of the machine the work is bound by."""

    ARITHMETIC = "f32 arithmetic"
    MEMORY = "memory bandwidth"
    NONE = "none"


@dataclass(frozen=True)
class Side:
    """One program's way to do the work."""

    name: str
    program: str
    command: str
    #: `q4_1` (as it ships), `q8_0`, `f32` (a folder) or `embedding`.
    model: str
    #: We must be at least so many times as fast.
    bar: float | None = None
    #: Our peak memory must be at most this part of the side's.
    memory_bar: float | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Work:
    """One row of the table for each peer."""

    key: str
    title: str
    ours: Side
    peers: tuple[Side, ...]
    unit: Unit = Unit.SECONDS
    limit: Limit = Limit.ARITHMETIC
    #: Options for every side.
    options: tuple[str, ...] = ()
    quick_options: tuple[str, ...] = ()
    #: We must take at most so many seconds.
    ceiling: float | None = None
    #: Which answers can be compared: `answers`, `scores`, `vectors` or `first_loss`.
    agreement: str | None = None


def ours(command: str, model: str = "q4_1") -> Side:
    """Our program on the file as it ships, if not said otherwise."""
    return Side("ours", OURS, command, model)


CATALOGUE: tuple[Work, ...] = (
    Work(
        "batch", "64 chat prompts, 16 new tokens each", ours("batch"),
        (
            Side("llama.cpp Q4_1 as it ships, one after another, prefix cache", LLAMA, "sequential", "q4_1", 1.6),
            Side("llama.cpp Q8_0, 32 in parallel, a cache for each", LLAMA, "parallel", "q8_0", 1.0),
            Side("llama.cpp Q8_0, 32 in parallel, one cache", LLAMA, "parallel", "q8_0", 1.0,
                 options=("--one-cache",)),
            Side("transformers `generate` f32, batch 32", TORCH, "generate", "f32", 1.3),
        ),
        agreement="answers",
    ),
    Work(
        "score", "256 prompts, 4 labels", ours("score"),
        (
            Side("llama.cpp Q4_1 as it ships, Python interface", LLAMA, "score", "q4_1", 3.0),
            Side("llama.cpp Q8_0, Python interface", LLAMA, "score", "q8_0", 3.0),
        ),
        agreement="scores",
    ),
    Work(
        "single", "decoding one stream, 128 tokens", ours("single"),
        (
            Side("llama.cpp Q8_0", LLAMA, "single", "q8_0", 0.8),
            Side("llama.cpp Q4_1 as it ships", LLAMA, "single", "q4_1", 0.8),
        ),
        unit=Unit.RATE, limit=Limit.MEMORY, options=("--new-tokens", "128"),
        quick_options=("--new-tokens", "16"), agreement="answers",
    ),
    Work(
        "train", "LoRA r=16 on all linears, batch 4 x 128", ours("train"),
        (Side("torch and peft, f32", TORCH, "train", "f32", 1.3, memory_bar=0.5),),
        unit=Unit.RATE, options=("--warm-up", "2", "--steps", "8"),
        quick_options=("--warm-up", "1", "--steps", "1"), agreement="first_loss",
    ),
    Work(
        "embed", "embedding 1,000 sentences", ours("embed", "embedding"),
        (Side("sentence-transformers on torch", TORCH, "embed", "embedding", 1.5),), agreement="vectors",
    ),
    Work(
        "load", "loading to the first token", ours("load"),
        (Side("llama.cpp Q4_1 as it ships", LLAMA, "load", "q4_1"),), limit=Limit.NONE, ceiling=1.5,
        agreement="answers",
    ),
)
