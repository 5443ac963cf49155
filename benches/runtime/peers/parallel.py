"""Continuous batching over llama.cpp's low-level interface: its fastest way through many prompts."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field

import llama_cpp
import numpy as np

PASS_TOKENS = 2048
CELLS_A_SEQUENCE = 256


@dataclass
class Sequence:
    """A prompt that is being answered."""

    index: int
    slot: int
    pending: list[int]
    position: int
    generated: list[int] = field(default_factory=list)


class Parallel:
    """One context with a slot for each of `slots` sequences, which share one cache or have one each."""

    def __init__(self, model: str, threads: int, slots: int, *, one_cache: bool) -> None:
        llama_cpp.llama_backend_init()
        llama_cpp.llama_log_set(SILENT, ctypes.c_void_p(0))
        self.model = llama_cpp.llama_model_load_from_file(
            model.encode(), llama_cpp.llama_model_default_params())
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.words = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = slots * CELLS_A_SEQUENCE
        params.n_seq_max = slots
        params.n_batch = PASS_TOKENS
        params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = one_cache
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        if not self.model or not self.context:
            raise SystemExit(f"llama.cpp could not load {model}")
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(PASS_TOKENS, 0, 1)
        self.slots = slots

    def run(self, prompts: list[list[int]], limit: int) -> list[list[int]]:
        """Greedy answers in the order of the prompts. What all prompts share is read once."""
        common = common_beginning(prompts)
        free = list(range(self.slots))
        if common:
            self.decode([Sequence(-1, 0, prompts[0][:common], 0)])
            for slot in range(1, self.slots):
                llama_cpp.llama_memory_seq_cp(self.memory, 0, slot, -1, -1)
        waiting = list(enumerate(prompts))[::-1]
        active: list[Sequence] = []
        answers: list[list[int]] = [[] for _ in prompts]
        while waiting or active:
            room = PASS_TOKENS - len(active)
            while waiting and free and len(waiting[-1][1]) - common <= room:
                index, prompt = waiting.pop()
                active.append(Sequence(index, free.pop(), prompt[common:], common))
                room -= len(prompt) - common
            for sequence, token in zip(active, self.decode(active)):
                sequence.pending = [token]
                if token != llama_cpp.llama_vocab_eos(self.vocabulary):
                    sequence.generated.append(token)
            for sequence in [s for s in active if self.complete(s, limit)]:
                answers[sequence.index] = sequence.generated
                active.remove(sequence)
                free.append(sequence.slot)
                llama_cpp.llama_memory_seq_rm(self.memory, sequence.slot, common, -1)
        return answers

    def complete(self, sequence: Sequence, limit: int) -> bool:
        """Whether the turn ended or the limit was reached."""
        ended = sequence.pending[0] == llama_cpp.llama_vocab_eos(self.vocabulary)
        return ended or len(sequence.generated) == limit

    def decode(self, sequences: list[Sequence]) -> list[int]:
        """Reads what is pending and returns the most likely token after each sequence."""
        rows = []
        count = 0
        for sequence in sequences:
            for token in sequence.pending:
                self.batch.token[count] = token
                self.batch.pos[count] = sequence.position
                self.batch.n_seq_id[count] = 1
                self.batch.seq_id[count][0] = sequence.slot
                self.batch.logits[count] = 0
                sequence.position += 1
                count += 1
            self.batch.logits[count - 1] = 1
            rows.append(count - 1)
        self.batch.n_tokens = count
        if llama_cpp.llama_decode(self.context, self.batch) != 0:
            raise SystemExit(f"llama.cpp could not decode a batch of {count} tokens")
        return [self.most_likely(row) for row in rows]

    def most_likely(self, row: int) -> int:
        """The largest logit of a row."""
        logits = llama_cpp.llama_get_logits_ith(self.context, row)
        return int(np.ctypeslib.as_array(logits, shape=(self.words,)).argmax())


@llama_cpp.llama_log_callback
def SILENT(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """llama.cpp's messages are not wanted."""


def common_beginning(prompts: list[list[int]]) -> int:
    """Tokens that all prompts begin with, leaving at least one to each."""
    first = prompts[0]
    common = min(len(prompt) for prompt in prompts) - 1
    for prompt in prompts[1:]:
        common = next((i for i, (a, b) in enumerate(zip(first[:common], prompt)) if a != b), common)
    return common
