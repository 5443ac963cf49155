"""The model in the forms that the peers need, made once from the GGUF file that ships.

    python weights.py MODEL.gguf FOLDER

Writes `q8_0.gguf` (requantized by llama.cpp), `f32/` (widened, in Hugging Face's layout) and `sizes.json`.
To be run inside the virtual environment.
"""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

EMBEDDING = "token_embd.weight"


@dataclass(frozen=True)
class Sizes:
    """What the counts of operations and of bytes are made from."""

    layers: int
    hidden: int
    query_width: int
    vocabulary: int
    #: Inputs and outputs of the matrices of one block.
    matrices: list[list[int]]
    q4_1_bytes: int
    q8_0_bytes: int


def requantize(model: Path, target: Path) -> None:
    """Q8_0 by llama.cpp, from the four bits that the file has."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    params.allow_requantize = True
    part = target.with_suffix(".part")
    if llama_cpp.llama_model_quantize(str(model).encode(), str(part).encode(), params) != 0:
        raise SystemExit("llama.cpp could not requantize the weights to Q8_0")
    part.rename(target)


def widen(model: Path, target: Path) -> None:
    """32-bit floats in Hugging Face's layout; the rows of the q and k matrices come out in its order."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model.parent, gguf_file=model.name, dtype=torch.float32)
    # As loaded it counts as quantized and cannot be saved, although its numbers are 32-bit floats.
    config = copy.deepcopy(loaded.config)
    vars(config).pop("quantization_config", None)
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    part = target.with_suffix(".part")
    plain.save_pretrained(part)
    part.rename(target)


def tensor_bytes(model: Path) -> int:
    """Bytes of all tensors. With a tied head, generating one token reads each of them once."""
    from gguf import GGUFReader

    return sum(int(tensor.n_bytes) for tensor in GGUFReader(model).tensors)


def sizes(model: Path, requantized: Path) -> Sizes:
    """Reads the sizes from the file."""
    from gguf import GGUFReader

    shapes = {tensor.name: [int(n) for n in tensor.shape] for tensor in GGUFReader(model).tensors}
    block = [shape for name, shape in shapes.items() if name.startswith("blk.0.") and len(shape) == 2]
    hidden, vocabulary = shapes[EMBEDDING]
    return Sizes(
        layers=len({name.split(".")[1] for name in shapes if name.startswith("blk.")}),
        hidden=hidden,
        query_width=shapes["blk.0.attn_q.weight"][1],
        vocabulary=vocabulary,
        matrices=block,
        q4_1_bytes=tensor_bytes(model),
        q8_0_bytes=tensor_bytes(requantized),
    )


def main() -> None:
    """Makes what is missing."""
    model, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    requantized, widened = folder / "q8_0.gguf", folder / "f32"
    if not requantized.exists():
        requantize(model, requantized)
    if not widened.exists():
        widen(model, widened)
    (folder / "sizes.json").write_text(json.dumps(asdict(sizes(model, requantized))))


if __name__ == "__main__":
    main()
