"""The work that every side does: seeded, one JSON object a line.

    python workloads.py MODEL.gguf EMBEDDING_MODEL FOLDER

| file | one line |
|---|---|
| `batch.jsonl` | `{"text", "tokens"}`: a chat up to where the assistant begins |
| `score.jsonl` | `{"text", "tokens", "labels": [{"text", "tokens"}]}` |
| `single.jsonl`, `load.jsonl` | one line as in `batch.jsonl` |
| `train.jsonl` | `{"tokens"}`: 129 of them; all but the last are read, all but the first are learned |
| `embed.jsonl` | `{"text", "tokens"}`: a sentence, and how many tokens it has |

`batch_quick.jsonl` and so on are the first lines of each. Tokens are llama.cpp's, special tokens included, so
that every side reads the same ones. To be run inside the virtual environment.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any, Callable

SEED = 20240817
SHARED_TOKENS = 62
TRAIN_TOKENS = 128
TRAIN_BATCH = 4
QUICK_LINES = 8
Line = dict[str, Any]
Encode = Callable[[str], list[int]]

SYSTEM = (
    "You answer questions of the staff of a hotel from the handbook. Explain in full sentences, say where the "
    "rule stands, and name the person to ask when it is not there. Be exact with numbers, dates and names. "
    "Never guess what the handbook does not say. Please stay polite and calm at every time, too, of course"
)
SUBJECTS = ["The night porter", "A new colleague", "The head of housekeeping", "Every cook", "The duty manager",
            "Each trainee", "The spa team", "Anyone at the front desk", "The gardener", "A guest of the staff"]
ACTIONS = ["parks behind the laundry", "signs the key book", "reports an allergy", "asks for payroll",
           "changes the uniform", "counts the minibar", "calls the lift company", "locks the east gate",
           "hands over lost property", "writes the shift report"]
TIMES = ["before 6 in the morning", "on every second Monday", "within 3 working days", "during the audit in May",
         "after the last check-out", "when the alarm has rung twice", "at the end of a double shift",
         "as soon as the guest has left", "on 24 December", "between two bookings"]
REASONS = ["because the insurance asks for it", "unless the manager has agreed in writing",
           "and keeps a copy for 10 years", "so that nobody has to wait", "which costs £12.50 a month",
           "even if the form is missing", "and tells the colleague who comes next",
           "since the new contract of 2025", "but never alone", "as the fire officer has ordered"]
LABELS = [" housekeeping", " payroll and contracts", " safety", " guest services"]


def sentence(source: random.Random) -> str:
    """One of ten thousand."""
    return " ".join(source.choice(part) for part in (SUBJECTS, ACTIONS, TIMES, REASONS)) + "."


def passage(source: random.Random, sentences: int) -> str:
    """Some sentences with spaces between."""
    return " ".join(sentence(source) for _ in range(sentences))


def chat(system: str, user: str) -> str:
    """A chat as the model's template writes it, up to where the assistant begins."""
    turn = "<|im_start|>{}\n{}<|im_end|>\n"
    return turn.format("system", system) + turn.format("user", user) + "<|im_start|>assistant\n"


def fitted_system(encode: Encode) -> str:
    """As much of the system message as gives the shared beginning its length."""
    words = SYSTEM.split()
    for count in range(len(words), 0, -1):
        system = " ".join(words[:count]).rstrip(".,") + "."
        if shared(encode(chat(system, "A")), encode(chat(system, "The"))) <= SHARED_TOKENS:
            return system
    raise SystemExit(f"no system message gives a shared beginning of {SHARED_TOKENS} tokens or less")


def shared(left: list[int], right: list[int]) -> int:
    """Tokens that both begin with."""
    return next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))


def line(text: str, encode: Encode) -> Line:
    """A text with its tokens."""
    return {"text": text, "tokens": encode(text)}


def chats(count: int, sentences: tuple[int, int], question: str, system: str, encode: Encode) -> list[Line]:
    """Chats that share the system message and nothing else; their lengths differ."""
    source = random.Random(SEED + sentences[1])
    lines = []
    for _ in range(count):
        text = passage(source, source.randint(*sentences))
        lines.append(line(chat(system, f"{text} {question}"), encode))
    return lines


def scoring(system: str, encode: Encode) -> list[Line]:
    """Shorter chats, each with the same labels to choose from."""
    lines = chats(256, (1, 3), "Which department is this about?", system, encode)
    labels = [line(label, encode) for label in LABELS]
    return [{**each, "labels": labels} for each in lines]


def training(encode: Encode) -> list[Line]:
    """Texts of one length: every step reads these `4 x 128` tokens, so that no order of data matters."""
    source = random.Random(SEED + 1)
    lines = []
    for _ in range(TRAIN_BATCH):
        tokens = encode(chat("Be exact.", passage(source, 14)))[: TRAIN_TOKENS + 1]
        assert len(tokens) == TRAIN_TOKENS + 1, f"a training text has {len(tokens)} tokens"
        lines.append({"tokens": tokens})
    return lines


def embedding(folder: Path, count: int) -> list[Line]:
    """Different sentences; some are two, so that the lengths differ."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    source = random.Random(SEED + 2)
    texts = [passage(source, source.randint(1, 2)) for _ in range(count)]
    return [{"text": text, "tokens": len(tokenizer.encode(text).ids)} for text in texts]


def encoder(model: Path) -> Encode:
    """llama.cpp's tokenizer, without its weights."""
    from llama_cpp import Llama

    llama = Llama(model_path=str(model), vocab_only=True, verbose=False)
    return lambda text: llama.tokenize(text.encode(), add_bos=False, special=True)


def workloads(model: Path, embedding_model: Path) -> dict[str, list[Line]]:
    """All of it by file name."""
    encode = encoder(model)
    system = fitted_system(encode)
    ask = "Explain what follows from this."
    batch = chats(64, (2, 5), ask, system, encode)
    return {
        "batch": batch,
        "score": scoring(system, encode),
        "single": [line(chat("You tell long stories.", "Tell me the story of a lighthouse keeper."), encode)],
        "train": training(encode),
        "embed": embedding(embedding_model, 1000),
        "load": batch[:1],
    }


def write(path: Path, lines: list[Line]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines), encoding="utf-8")


def main() -> None:
    """Writes every workload, and its first lines for a short check."""
    model, embedding_model, folder = (Path(argument) for argument in sys.argv[1:4])
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in workloads(model, embedding_model).items():
        write(folder / f"{name}.jsonl", lines)
        write(folder / f"{name}_quick.jsonl", lines[:QUICK_LINES])


if __name__ == "__main__":
    main()
