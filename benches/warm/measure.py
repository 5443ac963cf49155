#!/usr/bin/env python3
"""What a warm runner saves: one `evaluate` of four items, cold (`empiric job run`) against warm (`empiric job
serve`), as medians of wall-clock seconds from the request to `exit.json`. Results must be the same bytes.

Usage: measure.py EMPIRIC MODEL.gguf [REPEATS]
"""

import hashlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ITEMS = [
    ("france", "What is the capital of France?", "Paris"),
    ("sum", "What is 2 + 2?", "4"),
    ("sky", "What colour is a clear sky at noon?", "blue"),
    ("week", "How many days are in a week?", "7"),
]


def reference(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"digest": f"sha256:{digest}", "size": path.stat().st_size, "media_type": "application/octet-stream"}


def job(folder, model, weights):
    """Writes `job.json` and the items into a new folder and gives that."""
    folder.mkdir()
    items = folder / "items.jsonl"
    lines = [json.dumps({"id": name, "input": text, "expected": answer}) for name, text, answer in ITEMS]
    items.write_text("\n".join(lines) + "\n")
    version = {
        "model": {"id": "model", "weights": weights},
        "prompt": {"system": "", "user": "{{input}}"},
        "demonstrations": {"kind": "none"},
        "decoding": {"max_tokens": 8},
    }
    file = {
        "kind": "evaluate",
        "version": version,
        "items": reference(items),
        "positions": list(range(len(ITEMS))),
        "assertions": [{"type": "regex", "value": "."}],
        "labels": [],
        "batch": 32,
        "seed": 1,
        "reserve": {"device_seconds": 0, "tokens": 0, "usd": 0},
        "inputs": {weights["digest"]: str(model), reference(items)["digest"]: str(items)},
        "outputs": ["results.jsonl"],
        "attempt": 1,
        "threads": 2,
    }
    (folder / "job.json").write_text(json.dumps(file))
    return folder


def results(folder):
    said = json.loads((folder / "exit.json").read_text())
    assert said["class"] == "success", said
    return (folder / "out" / "results.jsonl").read_bytes(), said["usage"]["peak_memory"] >> 20


def cold(empiric, folder):
    subprocess.run([empiric, "job", "run", folder], check=True)


def serve(runner, folder):
    request = {"folder": str(folder), "token": "0"}
    runner.stdin.write(json.dumps(request, separators=(",", ":")) + "\n")
    runner.stdin.flush()
    assert runner.stdout.readline() == "\x1e0\n"


def timed(call, *arguments):
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def main():
    empiric, model = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    weights = reference(model)
    with tempfile.TemporaryDirectory() as place, subprocess.Popen(
        [empiric, "job", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runner:
        new = lambda name: job(pathlib.Path(place) / name, model, weights)
        first, seconds, seen = timed(serve, runner, new("first")), {"cold": [], "warm": []}, set()
        # In turn, so that what else the machine does falls on both.
        for number in range(repeats):
            folders = {kind: new(f"{kind}-{number}") for kind in seconds}
            seconds["cold"].append(timed(cold, empiric, folders["cold"]))
            seconds["warm"].append(timed(serve, runner, folders["warm"]))
            found = {kind: results(folder) for kind, folder in folders.items()}
            seen |= {bytes for bytes, _ in found.values()}
        runner.stdin.close()
    assert len(seen) == 1, "warm and cold results differ"
    medians = {kind: statistics.median(values) for kind, values in seconds.items()}
    peaks = {kind: peak for kind, (_, peak) in found.items()}
    print(f"{len(ITEMS)} items, {repeats} repeats, equal results")
    print(f"first job of the runner: {first:.3f} s")
    for kind, median in medians.items():
        values = seconds[kind]
        print(f"{kind}: {median:.3f} s ({min(values):.3f} to {max(values):.3f}), peak {peaks[kind]} MiB")
    print(f"saved: {medians['cold'] - medians['warm']:.3f} s, {medians['cold'] / medians['warm']:.1f} times as fast")


main()
