#!/usr/bin/env python3
"""Runs `evaluate` jobs against llama.cpp's own OpenAI-compatible server, on loopback.

    python3 benches/runtime/endpoint_peer.py MODEL.gguf [--python VENV/bin/python] [--items 16]

The Python named by --python must have `llama-cpp-python[server]`; without it the script makes a virtual
environment under `target/` and installs it there (built from source: about four minutes on two cores).
The example `run_job` is built in release mode unless --job names a program that runs a job's folder.

It checks what the in-test server cannot: that a real peer understands the requests and that its answers are
read right. The key must be asked for, the counted tokens must be the server's, and answers must equal those
that the server gives to a plain HTTP client.
"""

import argparse
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "llama-cpp-python[server]==0.3.36"
KEY = "sk-loopback-0123456789"
MODEL = "peer"
PRICE = {"input": 1.0, "output": 2.0}
SYSTEM = "Answer with one word."
CAPITALS = ["France", "Italy", "Spain", "Japan", "Egypt", "Peru", "Cuba", "Kenya"]


def main():
    arguments = parse()
    python = arguments.python or own_environment()
    job = arguments.job or own_job()
    with tempfile.TemporaryDirectory() as folder, server(python, arguments.model) as url:
        items = [f"What is the capital of {CAPITALS[i % 8]}? ({i})" for i in range(arguments.items)]
        plain = [chat(url, item) for item in items]
        answered = evaluate(job, Path(folder) / "right", url, items, {"LLAMA_PEER_KEY": KEY})
        refused = evaluate(job, Path(folder) / "wrong", url, items, {"LLAMA_PEER_KEY": "sk-wrong-key"})
    sys.exit(0 if compare(plain, answered, refused) else 1)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--job", nargs="+", help="program and arguments before the job's folder")
    parser.add_argument("--items", type=int, default=16)
    return parser.parse_args()


def own_environment():
    folder = ROOT / "target" / "endpoint-peer"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
    return python


def own_job():
    build = ["cargo", "build", "--release", "--quiet", "-p", "empiric-jobs", "--example", "run_job"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return [str(target / "release" / "examples" / "run_job")]


@contextlib.contextmanager
def server(python, model):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python, "-m", "llama_cpp.server", "--host", "127.0.0.1", "--port", port, "--model", model]
    command += ["--model_alias", MODEL, "--api_key", KEY, "--n_ctx", 1024, "--verbose", "false"]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_for(url, process):
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"the server ended with code {process.returncode}: has its Python llama-cpp-python[server]?")
        with contextlib.suppress(urllib.error.URLError):
            listed = ask(f"{url}/models")["data"]
            assert [model["id"] for model in listed] == [MODEL], listed
            return
        time.sleep(0.1)
    sys.exit("the server did not come up within a minute")


def ask(url, body=None):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.load(answer)


def chat(url, item):
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": item}]
    body = {"model": MODEL, "messages": messages, "temperature": 0, "max_tokens": 12, "stop": ["."]}
    answer = ask(f"{url}/chat/completions", body)
    return answer["choices"][0]["message"]["content"].strip(), answer["usage"]


def evaluate(job, folder, url, items, environment):
    folder.mkdir()
    path = folder / "items.jsonl"
    lines = [{"id": f"i{at}", "input": item, "expected": "."} for at, item in enumerate(items)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "job.json").write_text(json.dumps(job_file(path, url, len(items))))
    ended = subprocess.run([*job, str(folder)], env={**os.environ, **environment}, capture_output=True, text=True)
    exit_file = json.loads((folder / "exit.json").read_text())
    results = folder / "out" / "results.jsonl"
    answers = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    written = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    shown = ended.stdout + ended.stderr
    leaks = any(key.encode() in text for key in environment.values() for text in [*written, shown.encode()])
    return {"exit": exit_file, "answers": answers, "leaks": leaks}


def job_file(items, url, count):
    content = items.read_bytes()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    endpoint = {"url": url, "model": MODEL, "api_key": {"env": "LLAMA_PEER_KEY"}, "price": PRICE}
    version = {
        "model": {"id": "peer", "endpoint": endpoint},
        "prompt": {"system": SYSTEM, "user": "{{input}}"},
        "demonstrations": {"kind": "none"},
        "decoding": {"max_tokens": 12, "stop": ["."]},
    }
    return {
        "kind": "evaluate", "version": version, "positions": list(range(count)), "batch": 4,
        "items": {"digest": digest, "size": len(content), "media_type": "application/jsonl"},
        "assertions": [{"type": "regex", "value": "."}], "seed": 1,
        "reserve": {"device_seconds": 0.0, "tokens": 0, "usd": 0.0},
        "inputs": {digest: str(items)}, "outputs": ["results.jsonl"], "attempt": 1, "threads": 1,
    }  # fmt: skip


def compare(plain, answered, refused):
    usage = answered["exit"]["usage"]
    same = sum(answer["answer"] == text for answer, (text, _) in zip(answered["answers"], plain))
    counted = {key: sum(used[key] for _, used in plain) for key in ("prompt_tokens", "completion_tokens")}
    cost = (counted["prompt_tokens"] * PRICE["input"] + counted["completion_tokens"] * PRICE["output"]) / 1e6
    checks = {
        f"job ended: {answered['exit']['message']}": answered["exit"]["class"] == "success",
        f"same answers as a plain client: {same} of {len(plain)}": same == len(plain),
        f"tokens as the server counts them: {counted}": all(usage[key] == counted[key] for key in counted),
        f"dollars: {usage.get('dollars', 0):.6f}": abs(usage.get("dollars", 0) - cost) < 1e-12,
        f"wrong key: {refused['exit']['message']}": refused["exit"]["class"] == "permission",
        "no file and no output has a key in it": not (answered["leaks"] or refused["leaks"]),
    }
    for check, holds in checks.items():
        print("ok  " if holds else "FAIL", check)
    return all(checks.values())


if __name__ == "__main__":
    main()
