#!/usr/bin/env python3
"""Validate the staff-handbook data: run `python3 data/check.py`.

Reads the three splits and the traffic beside this file, and the documents in ../handbook,
prints a table of counts, and exits 1 with the offending ids if a rule is
broken. Standard library only. It judges the data, never a model's answers.
"""

import ast
import json
import operator
import re
import sys
from collections import Counter
from pathlib import Path

DATA = Path(__file__).resolve().parent
ROOT = DATA.parent
# Questions that users ask later; no split.
TRAFFIC = "traffic"
AT_LEAST = {"train": 400, "dev": 100, "test": 100}
# Share of each kind in each split: (least, most).
SHARES = {
    "lookup": (0.65, 0.75),
    "arithmetic": (0.10, 0.14),
    "unanswerable": (0.08, 0.12),
    "withhold": (0.06, 0.10),
}
KEYS = {"id", "input", "expected", "documents", "tags", "forbidden"}
NEAR_COPY = 0.7
ABSTAIN = ["handbook does not say", "not in the handbook", "handbook doesn't say"]
REFUSE = ["cannot share", "can't share", "not able to share"]
MUST_HAVE = ("dev", "Is there parking for employees?")
MIN_DOCUMENTS, MIN_WORDS, MAX_WORDS = 46, 150, 450
# Numbers a calculation may use without the question or document stating them.
FREE_NUMBERS = {1.0, 100.0}
NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
                "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12}
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub,
             ast.Mult: operator.mul, ast.Div: operator.truediv}


def load_split(name):
    """The items of one split; a line that is not JSON ends the run."""
    items = []
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            items.append(json.loads(line))
        except ValueError as error:
            sys.exit(f"{name}.jsonl:{number}: {error}")
    return items


def load_documents():
    """Document texts by the path that items use."""
    files = sorted((ROOT / "handbook").glob("*.md"))
    return {f"handbook/{f.name}": f.read_text(encoding="utf-8") for f in files}


def alternatives(item):
    expected = item["expected"]
    return [expected] if isinstance(expected, str) else expected


def kind_of(item):
    kinds = [tag for tag in item["tags"] if tag in SHARES]
    return kinds[0] if len(kinds) == 1 else None


def family_of(item):
    families = [tag for tag in item["tags"] if tag.startswith("family:")]
    return families[0] if len(families) == 1 else None


def normalise(text):
    """Lower case with single spaces, so that line breaks do not matter."""
    return " ".join(text.lower().split())


def tokens(text):
    return frozenset(re.findall(r"[a-z0-9]+", text.lower()))


def jaccard(left, right):
    return len(left & right) / len(left | right)


def numbers_in(text):
    """Every number written in digits or as a small word; pence also as pounds."""
    found = {float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}
    found |= {float(NUMBER_WORDS[w]) for w in re.findall(r"[a-z]+", text.lower()) if w in NUMBER_WORDS}
    found |= {float(p) / 100 for p in re.findall(r"(\d+) pence", text)}
    return found


def evaluate(node):
    """The value of an expression of numbers, + - * / and brackets."""
    if isinstance(node, ast.Expression):
        return evaluate(node.body)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](evaluate(node.left), evaluate(node.right))
    raise ValueError("only numbers, + - * / and brackets are allowed")


def check_shape(item):
    if unknown := set(item) - KEYS:
        yield f"unknown keys {sorted(unknown)}"
    if missing := {"id", "input", "expected", "documents", "tags"} - set(item):
        yield f"missing keys {sorted(missing)}"
    elif not (item["input"].strip() and alternatives(item) and all(alternatives(item))):
        yield "empty input or expected"
    elif kind_of(item) is None or family_of(item) is None:
        yield "needs exactly one kind tag and one family tag"


def check_answers(item):
    """An answer must not pass by chance nor by repeating the question."""
    for answer in alternatives(item):
        if re.fullmatch(r"\d{1,2}|yes|no", answer.strip(), re.IGNORECASE):
            yield f"expected {answer!r} is too likely by chance"
        if normalise(answer) in normalise(item["input"]):
            yield f"expected {answer!r} stands in the question"


def check_lookup(item, texts):
    if not any(normalise(a) in text for a in alternatives(item) for text in texts):
        yield f"no expected answer stands in {item['documents']}"


def check_arithmetic(item, texts):
    marks = [tag for tag in item["tags"] if tag.startswith("work: ")]
    work = marks[0].removeprefix("work: ") if marks else ""
    if work.count("=") != 1:
        yield "needs a tag such as 'work: 3 * 14.50 = 43.50'"
        return
    left, right = work.split("=")
    value, stated = evaluate(ast.parse(left.strip(), mode="eval")), float(right)
    if abs(value - stated) > 1e-6:
        yield f"work is wrong: {left.strip()} is {value}"
    answers = set().union(*(numbers_in(a) for a in alternatives(item)))
    if all(abs(value - answer) > 1e-6 for answer in answers):
        yield f"result {value} is not among the expected answers"
    known = numbers_in(item["input"]).union(*map(numbers_in, texts)) | FREE_NUMBERS
    if unknown := numbers_in(left) - known:
        yield f"numbers {sorted(unknown)} are in neither question nor document"


def check_unanswerable(item, _texts):
    if item["documents"] or item["expected"] != ABSTAIN:
        yield "needs no documents and the standard abstention"


def check_withhold(item, texts):
    if item["expected"] != REFUSE:
        yield "needs the standard refusal"
    for secret in item.get("forbidden", []):
        if normalise(secret) in normalise(item["input"]):
            yield f"forbidden {secret!r} stands in the question"
    if item.get("forbidden") and not any(normalise(s) in t for s in item["forbidden"] for t in texts):
        yield f"no forbidden string stands in {item['documents']}"


CHECKS = {"lookup": check_lookup, "arithmetic": check_arithmetic,
          "unanswerable": check_unanswerable, "withhold": check_withhold}


def check_item(item, documents):
    problems = list(check_shape(item))
    if problems:
        return problems
    missing = [d for d in item["documents"] if d not in documents]
    if missing:
        return [f"no such document: {missing}"]
    kind = kind_of(item)
    if kind != "unanswerable" and not item["documents"]:
        return ["names no document"]
    texts = [normalise(documents[d]) for d in item["documents"]]
    return list(check_answers(item)) + list(CHECKS[kind](item, texts))


def check_ids(splits):
    counts = Counter(item["id"] for items in splits.values() for item in items)
    for name, items in splits.items():
        for item in items:
            if counts[item["id"]] > 1:
                yield item["id"], "id is not unique"
            if not item["id"].startswith(f"{name}-"):
                yield item["id"], f"id does not start with {name}-"


def check_families(splits):
    """A family is in one split, and a document in one family."""
    split_of, family_of_document = {}, {}
    for name, items in splits.items():
        for item in items:
            family = family_of(item)
            if split_of.setdefault(family, name) != name:
                yield item["id"], f"{family} is also in {split_of[family]}"
            for document in item["documents"]:
                if family_of_document.setdefault(document, family) != family:
                    yield item["id"], f"{document} is also in {family_of_document[document]}"


def check_copies(splits):
    """Near-copies across splits, exact duplicates within one."""
    rows = [(name, item["id"], tokens(item["input"])) for name, items in splits.items() for item in items]
    for index, (left_split, left_id, left) in enumerate(rows):
        for right_split, right_id, right in rows[index + 1:]:
            limit = 1.0 if left_split == right_split else NEAR_COPY
            if jaccard(left, right) >= limit:
                yield right_id, f"near-copy of {left_id}"


def check_counts(splits):
    for name, items in splits.items():
        if len(items) < AT_LEAST[name]:
            yield name, f"{len(items)} items, needs {AT_LEAST[name]}"
        kinds = Counter(map(kind_of, items))
        for kind, (least, most) in SHARES.items():
            share = kinds[kind] / max(len(items), 1)
            if not least <= share <= most:
                yield name, f"share of {kind} is {share:.2f}, needs {least} to {most}"
    name, question = MUST_HAVE
    if question not in (item["input"] for item in splits[name]):
        yield name, f"lacks the question {question!r}"


def check_documents(splits, documents):
    if len(documents) < MIN_DOCUMENTS:
        yield "handbook", f"{len(documents)} documents, needs {MIN_DOCUMENTS}"
    used = {d for items in splits.values() for item in items for d in item["documents"]}
    for path, text in documents.items():
        if not MIN_WORDS <= len(text.split()) <= MAX_WORDS:
            yield path, f"{len(text.split())} words, needs {MIN_WORDS} to {MAX_WORDS}"
        if path not in used:
            yield path, "no item names this document"


def print_table(splits, documents):
    header = ["split", *SHARES, "total", "families", "documents"]
    print("  ".join(f"{cell:>12}" for cell in header))
    for name, items in splits.items():
        kinds = Counter(map(kind_of, items))
        families = {family_of(item) for item in items}
        used = {d for item in items for d in item["documents"]}
        row = [name, *(kinds[kind] for kind in SHARES), len(items), len(families), len(used)]
        print("  ".join(f"{cell:>12}" for cell in row))
    print(f"{len(documents)} documents, {sum(len(t.split()) for t in documents.values())} words")


def main():
    documents = load_documents()
    splits = {name: load_split(name) for name in AT_LEAST}
    asked = {**splits, TRAFFIC: load_split(TRAFFIC)}
    items = [item for group in asked.values() for item in group]
    problems = [(item.get("id", "?"), p) for item in items for p in check_item(item, documents)]
    if not any(True for item in items for _ in check_shape(item)):
        for check in (check_ids, check_copies):
            problems += check(asked)
        for check in (check_families, check_counts):
            problems += check(splits)
        problems += check_documents(splits, documents)
        print_table(splits, documents)
    for where, problem in problems:
        print(f"{where}: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
