"""How much of the machine the work takes: operations and bytes, counted from the model's sizes.

Counted is what has to be done, not what a program does: a beginning that prompts share is read once, logits
are made where they are needed, and padding is no work. A multiplication and an addition are two operations.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class Network:
    """The sizes that operations are counted from."""

    layers: int
    query_width: int
    #: Inputs and outputs of a block's matrices.
    matrices: list[list[int]]
    hidden: int
    vocabulary: int

    @property
    def blocks(self) -> int:
        """Parameters of all matrices, without embedding and head."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.matrices)

    @property
    def head(self) -> int:
        """Parameters of the output matrix."""
        return self.hidden * self.vocabulary

    def read(self, start: int, tokens: int) -> float:
        """Operations to read tokens after `start` others: matrices, and attention to all before."""
        attended = tokens * start + tokens * (tokens + 1) / 2
        return 2.0 * self.blocks * tokens + 4.0 * self.layers * self.query_width * attended

    def logits(self, positions: int) -> float:
        """Operations for the logits of so many positions."""
        return 2.0 * self.head * positions


def llama(sizes: dict[str, Any]) -> Network:
    """From `sizes.json` of `weights.py`."""
    names = ("layers", "query_width", "matrices", "hidden", "vocabulary")
    return Network(**{name: sizes[name] for name in names})


def encoder(folder: Path) -> Network:
    """From the `config.json` of a BERT: four square matrices and two for the feed-forward part."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    matrices = [[hidden, hidden]] * 4 + [[hidden, inner], [inner, hidden]]
    return Network(config["num_hidden_layers"], hidden, matrices, hidden, config["vocab_size"])


def batch(network: Network, lines: Lines, answers: list[list[int]]) -> float:
    """Reading the prompts, and every new token but the last of each answer."""
    common = shared([line["tokens"] for line in lines])
    total = network.read(0, common)
    for line, answer in zip(lines, answers, strict=True):
        total += network.read(common, len(line["tokens"]) - common + max(len(answer) - 1, 0))
        total += network.logits(len(answer))
    return total


def score(network: Network, lines: Lines) -> float:
    """Reading the prompts, and every label token but the last; logits where a label token is looked up."""
    common = shared([line["tokens"] for line in lines])
    total = network.read(0, common)
    for line in lines:
        prompt = len(line["tokens"])
        total += network.read(common, prompt - common) + network.logits(1)
        for label in line["labels"]:
            more = len(label["tokens"]) - 1
            total += network.read(prompt, more) + network.logits(more)
    return total


def train(network: Network, tokens: int, length: int, rank: int) -> float:
    """Forward, and backward through frozen matrices to their inputs: four operations a parameter and token.

    The adapters' own matrices take six, attention three times its forward pass. Logits at every position.
    """
    adapters = network.layers * sum(rank * (inputs + outputs) for inputs, outputs in network.matrices)
    attention = network.read(0, length) - 2.0 * network.blocks * length
    frozen = 4.0 * (network.blocks + network.head) + 6.0 * adapters
    return tokens * frozen + 3.0 * attention * tokens / length


def embed(network: Network, lines: Lines) -> float:
    """Every token attends to the whole sentence."""
    matrices = 2.0 * network.blocks * sum(line["tokens"] for line in lines)
    attention = sum(4.0 * network.layers * network.query_width * line["tokens"] ** 2 for line in lines)
    return matrices + attention


def shared(prompts: list[list[int]]) -> int:
    """Tokens that all prompts begin with, leaving at least one to each."""
    common = min(len(prompt) for prompt in prompts) - 1
    for prompt in prompts[1:]:
        common = next((i for i in range(common) if prompt[i] != prompts[0][i]), common)
    return common
