"""Whether two sides gave the same answers: a fast wrong answer is no answer."""

from __future__ import annotations

import math
from typing import Any


def agreement(kind: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """One sentence for the table."""
    return KINDS[kind](ours[kind], theirs[kind])


def choices(left: list[int], right: list[int]) -> tuple[int, int]:
    """Next tokens chosen after the same context: equal ones, and all up to the first that differs."""
    for index, (a, b) in enumerate(zip(left, right)):
        if a != b:
            return index, index + 1
    equal = min(len(left), len(right))
    return equal, equal + (len(left) != len(right))


def answers(ours: list[list[int]], theirs: list[list[int]]) -> str:
    """Greedy tokens."""
    counts = [choices(a, b) for a, b in zip(ours, theirs, strict=True)]
    equal, total = sum(e for e, _ in counts), sum(t for _, t in counts)
    whole = sum(a == b for a, b in zip(ours, theirs))
    return f"{equal} of {total} choices after the same context, {whole} of {len(ours)} whole answers"


def scores(ours: list[list[float]], theirs: list[list[float]]) -> str:
    """Log-probabilities of labels."""
    pairs = list(zip(ours, theirs, strict=True))
    same = sum(a.index(max(a)) == b.index(max(b)) for a, b in pairs)
    apart = max(abs(x - y) for a, b in pairs for x, y in zip(a, b, strict=True))
    return f"{same} of {len(pairs)} best labels, log-probabilities at most {apart:.3g} apart"


def vectors(ours: list[list[float]], theirs: list[list[float]]) -> str:
    """Sentence vectors of length one."""
    apart = max(math.dist(a, b) for a, b in zip(ours, theirs, strict=True))
    return f"first {len(ours)} vectors at most {apart:.2g} apart"


def first_loss(ours: float, theirs: float) -> str:
    """The loss before any step: adapters begin as nothing, so it is the base's."""
    return f"first loss {ours:.5f} and {theirs:.5f}"


KINDS = {"answers": answers, "scores": scores, "vectors": vectors, "first_loss": first_loss}
