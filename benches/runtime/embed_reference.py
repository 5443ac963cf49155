#!/usr/bin/env python3
"""Makes the reference vectors of `jobs/tests/fixtures/minilm_vectors.json` with sentence-transformers.

    python3 benches/runtime/embed_reference.py FOLDER > jobs/tests/fixtures/minilm_vectors.json

FOLDER holds all-MiniLM-L6-v2. Needs torch and sentence-transformers; run it in a virtual environment. Each text is
encoded alone, so that nothing is padded.
"""

import json
import sys

import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer

TEXTS = [
    "",
    " \t\n",
    "a",
    "?!... --- ()[]{}",
    "When is pay day?",
    "WHEN IS PAY DAY?",
    "Where do employees park at night?",
    "The night shift of 24 December 2026 ends at 06:30, not at 6.",
    "I paid £43.50 and 1,250.00 euros; that's 3.14159 times more than in '98.",
    "Où est la réception, s'il vous plaît?",
    "Straße, naïve café, Ångström, smörgåsbord, İstanbul",
    "日本の首都はどこですか?",
    "Привет, мир! Как дела?",
    "مرحبا بالعالم",
    "Emoji: 🙂🚀 and a family 👨‍👩‍👧‍👦.",
    "e\u0301 is e with an accent, and so is \u00e9.",
    "zero\u200bwidth, soft\u00adhyphen, no\u00a0break, \ufffd and a null \u0000 sign",
    "for (int i = 0; i < 10; i++) { printf(\"%d\\n\", i); }",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "x" * 120,
    "[CLS] written out [SEP] by a person [MASK]",
    "Guests may not bring pets, but guide dogs are welcome in all rooms. " * 3,
    "The handbook says that allergens are listed on the kitchen door, and the chef must be asked. " * 40,
    " ".join(str(number * number) for number in range(400)),
]


def main():
    torch.manual_seed(0)
    model = SentenceTransformer(sys.argv[1], device="cpu")
    vectors = [model.encode([text], normalize_embeddings=True)[0] for text in TEXTS]
    made = (
        f"benches/runtime/embed_reference.py: all-MiniLM-L6-v2 by sentence-transformers "
        f"{sentence_transformers.__version__} on torch {torch.__version__}, 32-bit floats, one text at a time, "
        f"cut to {model.max_seq_length} tokens; rounded to 7 digits"
    )
    print(json.dumps({"made": made, "items": []})[:-3] + "[")
    lines = [
        json.dumps({"text": text, "vector": [round(float(value), 7) for value in vector]})
        for text, vector in zip(TEXTS, vectors, strict=True)
    ]
    print(",\n".join(lines) + "\n]}")


if __name__ == "__main__":
    main()
