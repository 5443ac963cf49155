"""What every program that is measured takes and prints, ours as well as the peers'.

    PROGRAM COMMAND --model PATH --workload FILE [options]

One run, and one JSON object on the last line of standard output: `seconds` (of the work alone, without
loading), `tokens` (what a rate is counted in), `peak_memory` (bytes, of the whole process), and what the
command adds: `answers`, `scores`, `vectors` or `first_loss`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, Callable

Answer = dict[str, Any]
Command = Callable[[argparse.Namespace, list[dict[str, Any]]], Answer]


def run(commands: dict[str, Command]) -> None:
    """Runs the command of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=commands)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--workload", type=Path, required=True)
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--one-cache", action="store_true")
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.workload.read_text(encoding="utf-8").splitlines()]
    answer = commands[arguments.command](arguments, lines)
    print(json.dumps({**answer, "peak_memory": peak_memory()}))


def threads() -> int:
    """How many threads every side gets."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def peak_memory() -> int:
    """The largest resident set of this process in bytes."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        # Kilobytes, but bytes on macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    kilobytes = next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]
    return int(kilobytes) * 1024
