#!/usr/bin/env python3
"""Measures this runtime beside llama.cpp and PyTorch on the same weights and the same work, in one run.

    python3 benches/runtime/run.py

Needs Rust, a C++ compiler, Python 3.10 and the network. Makes a virtual environment with the peers and the
weights, builds our program in release mode, and repeats every kind of work: ours, each peer, ours again.
Each run is a process of its own. A whole run writes `results.json` and the table in `README.md` here; one of
`--only` or `--quick` prints the table and writes to the working folder alone.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import environment
import limits
import report
from catalogue import CATALOGUE, OURS, Limit, Side, Work
from environment import HERE, ROOT, say
from measure import Run, RunFailed, Series, restrict, run

KEYS = [work.key for work in CATALOGUE]
LLAMA_FEATURES = "import llama_cpp; print(llama_cpp.llama_print_system_info().decode())"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"some of {','.join(KEYS)}, with commas between")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="little work, to see that everything runs")
    parser.add_argument("--threads", type=int, default=2, help="cores and threads of every side (2)")
    parser.add_argument("--model", type=Path, help="GGUF file (default: the one that `models.txt` brings)")
    parser.add_argument("--embedding-model", type=Path, help="folder (default: the one that `models.txt` brings)")
    parser.add_argument("--venv", type=Path, default=environment.DEFAULT_VENV)
    parser.add_argument("--folder", type=Path, default=ROOT / "target" / "bench-runtime",
                        help="derived weights, workloads and results")
    parser.add_argument("--program", type=Path, help="our program, built already")
    parser.add_argument("--publish", action="store_true", help="write the README's table after `--only`, too")
    args = parser.parse_args()
    args.keys = args.only.split(",") if args.only else KEYS
    if unknown := set(args.keys) - set(KEYS):
        parser.error(f"--only has {', '.join(sorted(unknown))}; expected some of {', '.join(KEYS)}")
    if args.publish and args.quick:
        parser.error("--quick gives no figures to publish")
    return args


class Benchmark:
    """Everything that is made before the first run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.python = environment.ensure(args.venv)
        model = args.model or environment.packaged(args.venv, environment.MODEL)
        encoder = args.embedding_model or environment.packaged(args.venv, environment.EMBEDDING_MODEL)
        self.program = args.program or environment.example(OURS)
        # Other files get other folders: nothing is measured on weights of another model.
        derived = args.folder / hashlib.sha256(model.read_bytes()).hexdigest()[:12]
        self.workloads = args.folder / "workloads"
        self.models = {"q4_1": model, "q8_0": derived / "q8_0.gguf", "f32": derived / "f32", "embedding": encoder}
        self.prepare("weights.py", model, derived)
        self.prepare("workloads.py", model, encoder, self.workloads)
        self.sizes = json.loads((derived / "sizes.json").read_text(encoding="utf-8"))
        self.environment = restrict(args.threads)
        self.machine: list[dict[str, float]] = []

    def prepare(self, script: str, *words: Path) -> None:
        """Runs one of the scripts that need the environment's packages."""
        say(f"== {script}")
        done = subprocess.run([self.python, HERE / script, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{script} failed:\n{done.stderr}")

    def workload(self, work: Work) -> Path:
        """The file with the work."""
        return self.workloads / f"{work.key}{'_quick' if self.args.quick else ''}.jsonl"

    def command(self, work: Work, side: Side) -> list[str | Path]:
        """One side's command line."""
        program = [self.program] if side.program == OURS else [self.python, HERE / "peers" / side.program]
        options = work.quick_options if self.args.quick else work.options
        return [*program, side.command, "--model", self.models[side.model], "--workload", self.workload(work),
                *options, *side.options]

    def limits(self) -> None:
        """Measures the machine; done before each kind of work, and the median counts."""
        measured = run([self.program, "machine"], self.environment).answer
        self.machine.append({name: measured[name] for name in ("gflops", "bandwidth")})
        say(f"   machine: {measured['gflops']:.0f} GFLOPS, {measured['bandwidth'] / 1e9:.1f} GB/s")

    def limit(self, name: str) -> float:
        """The median of a limit."""
        return statistics.median(measured[name] for measured in self.machine)

    def measure(self, work: Work) -> list[tuple[Side, Series]]:
        """All sides, ours first, one after another and that as often as there are repeats."""
        say(f"== {work.key}: {work.title}")
        self.limits()
        sides = [(side, Series()) for side in (work.ours, *work.peers)]
        for repeat in range(self.args.repeats):
            for side, series in sides:
                self.once(work, side, series, repeat)
        return sides

    def once(self, work: Work, side: Side, series: Series, repeat: int) -> None:
        """One run. A side that failed is not asked again."""
        if series.error:
            return
        try:
            done = run(self.command(work, side), self.environment)
        except RunFailed as error:
            series.error = str(error)
            say(f"   {side.name}: FAILED: {error}")
            return
        series.runs.append(done)
        say(f"   {repeat + 1}/{self.args.repeats} {side.name}: {done.seconds:.2f} s, {done.tokens} tokens, "
            f"{done.peak_memory / 1e6:.0f} MB")

    def share(self, work: Work, ours: Series) -> float | None:
        """What part of the machine's limit our median reached."""
        if not ours.runs or work.limit is Limit.NONE:
            return None
        if work.limit is Limit.MEMORY:
            return ours.rate * self.sizes["q8_0_bytes"] / self.limit("bandwidth")
        return self.operations(work, ours.runs[0]) / ours.seconds / (self.limit("gflops") * 1e9)

    def operations(self, work: Work, ours: Run) -> float:
        """Operations that the work takes."""
        text = self.workload(work).read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        network = limits.llama(self.sizes)
        if work.key == "batch":
            return limits.batch(network, lines, ours.answer["answers"])
        if work.key == "score":
            return limits.score(network, lines)
        if work.key == "train":
            return limits.train(network, ours.tokens, len(lines[0]["tokens"]) - 1, rank=16)
        return limits.embed(limits.encoder(self.models["embedding"]), lines)

    def conditions(self, load_average: float) -> dict[str, Any]:
        """Where and how it was measured."""
        features = subprocess.run([self.python, "-c", LLAMA_FEATURES], capture_output=True, text=True, check=True,
                                  cwd=HERE / "peers")
        on = [part.split("=")[0].split(":")[-1].strip() for part in features.stdout.split("|") if "= 1" in part]
        pinned = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
        return {
            "date": datetime.date.today().isoformat(), "cpu": cpu(), "threads": self.args.threads,
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "load_average": load_average, "repeats": self.args.repeats, "quick": self.args.quick,
            "limits": {name: self.limit(name) for name in ("gflops", "bandwidth")},
            "llama_cpp": on, "packages": [line for line in pinned if "==" in line],
        }


def cpu() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    wide = " with AVX-512" if any("avx512f" in line for line in lines) else ""
    return (name or platform.machine()) + wide


def main() -> int:
    """Prepares, measures, reports. Returns 1 if a side failed."""
    args = arguments()
    benchmark = Benchmark(args)
    load_average = os.getloadavg()[0]
    if load_average > 0.5:
        say(f"!! load average {load_average:.2f}: other programs are running, the figures will be noise")
    rows: list[report.Row] = []
    runs: dict[str, Any] = {}
    measured = [(work, benchmark.measure(work)) for work in CATALOGUE if work.key in args.keys]
    for work, sides in measured:
        (_, ours), *peers = sides
        rows += report.rows(work, ours, peers, benchmark.share(work, ours))
        runs[work.key] = {side.name: [asdict(one) for one in series.runs] for side, series in sides}
    conditions = benchmark.conditions(load_average)
    text = "\n\n".join([report.conditions_text(conditions), report.table(rows), report.agreements(rows)]).rstrip()
    print(text)
    write(args, text, report.results(conditions, rows, short(runs)))
    for failure in report.failures(rows):
        say(f"FAILED {failure}")
    return 1 if report.failures(rows) else 0


def short(runs: dict[str, Any]) -> dict[str, Any]:
    """Without what was answered: figures only."""
    keep = ("seconds", "tokens", "peak_memory")
    return {work: {side: [{name: one[name] for name in keep} for one in series] for side, series in sides.items()}
            for work, sides in runs.items()}


def write(args: argparse.Namespace, text: str, results: dict[str, Any]) -> None:
    """A whole run goes into the repository, any other into the working folder."""
    published = args.publish or (not args.only and not args.quick)
    target = HERE if published else args.folder
    content = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    (target / "results.json").write_text(content, encoding="utf-8")
    if published:
        report.publish(HERE / "README.md", text)
    say(f"== written: {target / 'results.json'}{' and README.md' if published else ''}")


if __name__ == "__main__":
    sys.exit(main())
