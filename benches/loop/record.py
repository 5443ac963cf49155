#!/usr/bin/env python3
"""Records what real prompt candidates answer, for the race against the grid.

    python3 benches/loop/record.py MODEL.gguf [EMPIRIC]

The candidates are those that the technique `prompt` proposes for examples/staff-handbook with seed 1
(`loop_race candidates`). Each answers all dev items with the passage that holds the answer put before the question,
since without it hardly any answer is right and there is nothing to choose. Writes benches/loop/recorded.json. Takes
about a minute a candidate on two cores; what was answered before is kept in target/bench-loop.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EXAMPLE = ROOT / "examples/staff-handbook"
WORK = ROOT / "target/bench-loop"
MAX_TOKENS = 16
STOP_WORDS = set("the a an of to in is i do and for my what how if it on at be was this that".split())


def words(text):
    return set(re.findall(r"[a-z0-9£.]+", text.lower())) - STOP_WORDS


def passages(document):
    """The sections of a document, each with its titles."""
    text = (EXAMPLE / document).read_text()
    title = re.search(r"# (.*)", text).group(1)
    for part in re.split(r"\n## ", text)[1:] or [text]:
        head, _, body = part.partition("\n")
        yield f"{title}, {head.strip()}: {body.strip()}"


def with_passage(item):
    """The item with the section before its question that has an expected text, or else most of its words."""
    expected = item["expected"] if isinstance(item["expected"], list) else [item["expected"]]
    found = [passage for document in item.get("documents", []) for passage in passages(document)]
    if found:
        question = words(item["input"])
        rank = lambda passage: (any(text in passage for text in expected), len(question & words(passage)))
        item = {**item, "input": f"{max(found, key=rank)}\n\n{item['input']}"}
    return item


def artifact(path, media_type):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"digest": f"sha256:{digest}", "size": path.stat().st_size, "media_type": media_type}


def frozen(weights, dev):
    """What scope would find."""
    split = lambda path: {"items": artifact(path, "application/jsonl"), "count": len(path.read_text().splitlines())}
    return {
        "train": split(EXAMPLE / "data/train.jsonl"),
        "dev": split(dev),
        "test": split(EXAMPLE / "data/test.jsonl"),
        "documents": 0,
        "models": {"smollm2-135m": weights},
        "system": {
            "model": {"id": "smollm2-135m", "weights": weights},
            "prompt": {
                "system": (EXAMPLE / "prompts/system.txt").read_text().rstrip(),
                "user": "{{input}}",
                "answer_cue": "",
            },
            "demonstrations": {"kind": "none"},
            "decoding": {"max_tokens": MAX_TOKENS, "stop": []},
        },
    }


def answer(version, facts, inputs, empiric):
    """Has a version answer all dev items, unless it did before; the job's folder."""
    name = hashlib.sha256(json.dumps([version, facts["dev"]], sort_keys=True).encode()).hexdigest()[:16]
    folder = WORK / "jobs" / name
    if (folder / "exit.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "kind": "evaluate",
        "version": version,
        "items": facts["dev"]["items"],
        "positions": list(range(facts["dev"]["count"])),
        "assertions": [{"type": "icontains", "value": "{{expected}}"}],
        "labels": [],
        "batch": 32,
        "seed": 1,
        "repeat": 0,
        "reserve": {"device_seconds": 0.0, "tokens": 0, "usd": 0.0},
        "inputs": inputs,
        "outputs": ["results.jsonl"],
        "attempt": 1,
        "resume": None,
        "threads": 2,
    }
    (folder / "job.json").write_text(json.dumps(job))
    # A job ends when its standard input closes: it is the line to whoever asked for it.
    subprocess.run([empiric, "job", "run", str(folder)], stdin=subprocess.PIPE, check=True)
    return folder


def recorded(line, folder):
    rows = [json.loads(row) for row in (folder / "out/results.jsonl").read_text().splitlines()]
    return {
        **line,
        "passed": "".join("1" if row["passed"] else "0" for row in rows),
        "prompt_tokens": [row["prompt_tokens"] for row in rows],
        "completion_tokens": [row["completion_tokens"] for row in rows],
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    model = pathlib.Path(sys.argv[1]).resolve()
    empiric = sys.argv[2] if len(sys.argv) > 2 else str(ROOT / "target/release/empiric")
    WORK.mkdir(parents=True, exist_ok=True)
    dev = WORK / "dev.jsonl"
    items = [with_passage(json.loads(line)) for line in (EXAMPLE / "data/dev.jsonl").read_text().splitlines()]
    dev.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))
    weights = artifact(model, "application/x-gguf")
    facts = frozen(weights, dev)
    files = {weights["digest"]: model}
    for split, path in [("dev", dev), ("train", EXAMPLE / "data/train.jsonl")]:
        files[facts[split]["items"]["digest"]] = path
    inputs = {digest: str(path) for digest, path in files.items()}
    command = ["cargo", "run", "--release", "-q", "-p", "empiric-workflows", "--example", "loop_race", "--", "candidates"]
    printed = subprocess.run(command, input=json.dumps(facts), capture_output=True, text=True, check=True, cwd=ROOT)
    answers = []
    for number, line in enumerate(map(json.loads, printed.stdout.splitlines())):
        print(f"{number}: {line['change']}", file=sys.stderr)
        answers.append(recorded(line, answer(line["version"], facts, inputs, empiric)))
    lines = ",\n".join("  " + json.dumps(one, ensure_ascii=False) for one in answers[1:])
    first = json.dumps(answers[0], ensure_ascii=False)
    text = f'{{"items": {len(items)},\n "incumbent": {first},\n "candidates": [\n{lines}\n ]}}\n'
    (HERE / "recorded.json").write_text(text)


if __name__ == "__main__":
    main()
