"""One run of one program: a process of its own, its time by its own clock, its peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: A run that takes longer than this hangs.
LIMIT_SECONDS = 1800


class RunFailed(Exception):
    """A program that ended with an error, or without its JSON object."""


@dataclass(frozen=True)
class Run:
    """What one run took."""

    seconds: float
    tokens: int
    peak_memory: int
    #: The whole object that the program printed.
    answer: dict[str, Any]


@dataclass
class Series:
    """The runs of one side."""

    runs: list[Run] = field(default_factory=list)
    error: str | None = None

    @property
    def seconds(self) -> float:
        """Median."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def rate(self) -> float:
        """Tokens a second, median."""
        return statistics.median(run.tokens / run.seconds for run in self.runs)

    @property
    def peak_memory(self) -> float:
        """Bytes, median."""
        return statistics.median(run.peak_memory for run in self.runs)


def restrict(threads: int) -> dict[str, str]:
    """Keeps this process and its children on so many cores. Returns the environment for the children."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    count = str(threads)
    return {
        **os.environ,
        "RAYON_NUM_THREADS": count,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "PYTHONWARNINGS": "ignore",
    }


def run(command: list[str | Path], environment: dict[str, str]) -> Run:
    """Runs a program to its end and reads the JSON object on the last line of its output."""
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=errors,
                                 env=environment, text=True)
        watchdog = threading.Timer(LIMIT_SECONDS, child.kill)
        watchdog.start()
        output = child.stdout.read() if child.stdout else ""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        watchdog.cancel()
        if child.returncode != 0:
            errors.seek(0)
            raise RunFailed(f"exit status {child.returncode}: {last_line(errors.read())}")
    try:
        answer = json.loads(last_line(output))
        peak = answer.get("peak_memory") or usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Run(float(answer["seconds"]), int(answer["tokens"]), int(peak), answer)
    except (ValueError, KeyError, AttributeError) as error:
        raise RunFailed(f"the last line of the output is not the expected object: {error}") from error


def last_line(text: str) -> str:
    """The last line with something on it."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "nothing printed")
