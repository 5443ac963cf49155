#!/usr/bin/env python3
"""Loads an exported adapter in Hugging Face's peft and compares its logits with ours.

    python3 benches/runtime/peft_check.py BASE ADAPTER LOGITS.json

BASE is the base model as a folder in Hugging Face's layout (`run.py` and `weights.py` make one from a GGUF
file, with the same numbers in 32 bits); ADAPTER is the exported folder; LOGITS.json is what our side computed
for one text with that adapter:

    {"tokens": [1, 9690, ...], "positions": [0, 5], "logits": [[..], [..]]}

`tokens` are ids with special tokens included, `positions` index into them (all of them if left out), and
`logits` has a row for each position: a number for each entry of the vocabulary, before any softmax.

Fails if a tensor of the adapter is unknown to peft or one that peft wants is missing, if the adapter does
nothing (then equal logits would say nothing), or if a logit is further apart than the tolerance.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import environment

#: Logits of an adapter that does something differ from the base's by more than this.
EFFECT = 1e-2


def tensor_names(adapter: Path) -> set[str]:
    """Names in the exported file."""
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", framework="pt") as file:
        return set(file.keys())


def logits(model: Any, tokens: list[int], positions: list[int]) -> Any:
    """One row for each position."""
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.tensor([tokens])).logits[0, positions]


def check(base: Path, adapter: Path, ours: dict[str, Any], tolerance: float) -> dict[str, Any]:
    """Compares. The result says what was found, and in `failures` what is wrong."""
    import torch
    from peft import PeftModel, get_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    tokens = ours["tokens"]
    positions = ours.get("positions") or list(range(len(tokens)))
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    plain = logits(loaded, tokens, positions)
    adapted = PeftModel.from_pretrained(loaded, adapter).eval()
    theirs = logits(adapted, tokens, positions)
    mine = torch.tensor(ours["logits"])
    wanted, found = set(get_peft_model_state_dict(adapted)), tensor_names(adapter)
    if mine.shape != theirs.shape:
        raise SystemExit(f"logits have the shape {list(mine.shape)}; expected {list(theirs.shape)}")
    result = {
        "tensors": len(found),
        "unknown": sorted(found - wanted),
        "missing": sorted(wanted - found),
        "positions": len(positions),
        "effect": float((theirs - plain).abs().max()),
        "apart": float((theirs - mine).abs().max()),
        "tolerance": tolerance,
        "same_choices": int((theirs.argmax(-1) == mine.argmax(-1)).sum()),
    }
    return {**result, "failures": failures(result)}


def failures(result: dict[str, Any]) -> list[str]:
    """What is wrong, in words."""
    found = []
    if result["unknown"] or result["missing"]:
        found.append("the tensors are not the ones that peft has")
    if not result["effect"] > EFFECT:
        found.append("the adapter does not change the logits: equality would say nothing")
    # Written so that a NaN fails.
    if not result["apart"] <= result["tolerance"]:
        found.append("the logits are not equal")
    return found


def main() -> int:
    """Prints one JSON object. Returns 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("logits", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-3, help="largest difference of a logit (0.001)")
    parser.add_argument("--venv", type=Path, default=environment.DEFAULT_VENV)
    args = parser.parse_args()
    environment.enter(args.venv)
    ours = json.loads(args.logits.read_text(encoding="utf-8"))
    result = check(args.base, args.adapter, ours, args.tolerance)
    print(json.dumps(result, indent=1))
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
