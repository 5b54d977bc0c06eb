"""Hidden states and token statistics of a run, on disk and memory-mapped: RUN/hidden/<suite>-model.

    about.json      what they belong to; written last, so a folder without it counts as absent
    prompt.npy      float32 (prompts, layers, width): at the last prompt token
    reply.npy       float32 (distinct replies, layers, width): mean over the reply's tokens
    tokens.npy      float32 (2, tokens): entropy and log-probability, reply after reply
    index.npz       sample ids, row of each sample, prompt of each row, token ids, first of each row

Equal replies to one prompt share a row. The folder can be deleted: it is rebuilt when needed.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.util.files import scratch_folder, write_atomic, writing_to
from sfr_eval.util.untrusted import plain_text

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class TokenizedReplies:
    """The distinct (prompt, thinking, reply) triples of a suite as token ids, and the row of each
    sample."""

    samples: list[str]  # sample ids
    row: npt.NDArray[np.int64]  # for each sample: its place in `replies`
    prompts: list[list[int]]
    replies: list[list[int]]
    prompt_of: list[int]  # for each of `replies`: its prompt
    leads: list[list[int]]  # for each of `replies`: its thinking, between prompt and reply

    @cached_property
    def digest(self) -> str:
        """Hash of all token ids."""
        leads = [self.leads] if any(self.leads) else []
        content = repr((self.prompts, self.replies, self.prompt_of, self.row.tolist(), *leads))
        return hashlib.sha256(content.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class States:
    """One checkpoint's reading of the replies of one suite; row i of the methods is reply i."""

    layers: tuple[int, ...]  # 0 is the embedding, `depth` the last layer, after its norm
    depth: int
    signature: Mapping[str, Any]
    samples: Sequence[str]  # sample ids
    row: Ints  # (samples,)
    prompt_of: Ints  # (rows,)
    start: Ints  # (rows + 1,)
    prompt_states: Floats
    reply_states: Floats
    ids: npt.NDArray[np.int32]
    tokens: Floats

    def replies(self, places: Sequence[int] | Ints, layer: int) -> Floats:
        """Return the mean hidden state of these replies at `layers[layer]`, shape (n, width); NaN
        for a reply without a token."""
        return np.asarray(self.reply_states[self.row[places], layer])

    def prompts(self, places: Sequence[int] | Ints, layer: int) -> Floats:
        """Return the hidden state at the last token of these replies' prompts, shape (n, width)."""
        return np.asarray(self.prompt_states[self.prompt_of[self.row[places]], layer])

    def has_token(self, place: int) -> bool:
        """Return whether a reply has a token, and so a mean."""
        tokens = self._tokens_of(place)
        return bool(tokens.stop > tokens.start)

    def token_ids(self, place: int) -> list[int]:
        """Return the tokens of a reply."""
        ids: list[int] = self.ids[self._tokens_of(place)].tolist()
        return ids

    def entropy(self, place: int) -> Floats:
        """Return the entropy of the distribution of each token of a reply, in nats."""
        return self._statistic(0, place)

    def log_probability(self, place: int) -> Floats:
        """Return the log-probability of each token of a reply, in nats."""
        return self._statistic(1, place)

    def _statistic(self, number: int, place: int) -> Floats:
        return np.asarray(self.tokens[number, self._tokens_of(place)])

    def _tokens_of(self, place: int) -> slice:
        row = self.row[place]
        return slice(self.start[row], self.start[row + 1])


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The replies of one suite, read by the run's checkpoint and by its base model."""

    model: States  # after the prompt that they answer
    base: States | None  # the same by the base model; None: not known
    blind: States | None  # by the run's checkpoint without the personas' cards; None: not read


def read_states(folder: Path, *, key: Mapping[str, Any] | None = None) -> States | None:
    """Read the states in `folder`; None if there are none, or if they do not belong to `key`."""
    try:
        about = json.loads(plain_text(folder / "about.json"))
        if key is not None and about["key"] != key:
            return None
        index = np.load(folder / "index.npz")
        return States(
            layers=tuple(about["layers"]),
            depth=about["depth"],
            signature=about["signature"],
            samples=index["samples"].tolist(),
            row=index["row"],
            prompt_of=index["prompt_of"],
            start=index["start"],
            ids=index["ids"],
            prompt_states=np.load(folder / "prompt.npy", mmap_mode="r"),
            reply_states=np.load(folder / "reply.npy", mmap_mode="r"),
            tokens=np.load(folder / "tokens.npy", mmap_mode="r"),
        )
    except (OSError, ValueError, KeyError, EOFError):
        return None  # absent, of another version, or truncated: computed again


class StatesWriter:
    """Fills a folder row by row, which gets its name only with `finish`."""

    def __init__(
        self,
        folder: Path,
        *,
        key: Mapping[str, Any],
        signature: Mapping[str, Any],
        layers: Sequence[int],
        depth: int,
        width: int,
        texts: TokenizedReplies,
    ) -> None:
        self._folder = folder
        self._about = {"key": key, "signature": signature, "layers": layers, "depth": depth}
        self._prompt_of = np.asarray(texts.prompt_of, np.int64)
        lengths = [len(ids) for ids in texts.replies]
        self._start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        with writing_to(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._scratch = scratch_folder(folder)
            try:
                np.savez(
                    self._scratch / "index.npz",
                    samples=np.array(texts.samples, dtype=np.str_),
                    row=texts.row,
                    prompt_of=self._prompt_of,
                    start=self._start,
                    ids=np.array([token for ids in texts.replies for token in ids], np.int32),
                )
                size = (len(layers), width)
                self._prompt = self._array("prompt.npy", (len(texts.prompts), *size))
                self._reply = self._array("reply.npy", (len(texts.replies), *size))
                self._tokens = self._array("tokens.npy", (2, int(self._start[-1])))
            except BaseException:
                shutil.rmtree(self._scratch, ignore_errors=True)
                raise

    def __enter__(self) -> "StatesWriter":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def write_states(self, rows: Sequence[int], *, prompt: Floats, reply: Floats) -> None:
        """Write the states of some rows, each of shape (rows, layers, width)."""
        self._prompt[self._prompt_of[rows]] = prompt
        self._reply[rows] = reply

    def write_tokens(self, row: int, entropy: Floats, log_probability: Floats) -> None:
        """Write the statistics of the tokens of one row."""
        self._tokens[:, self._start[row] : self._start[row + 1]] = entropy, log_probability

    def finish(self) -> States:
        """Give the folder its name and read it back."""
        with writing_to(self._folder):
            for array in (self._prompt, self._reply, self._tokens):
                if isinstance(array, np.memmap):
                    array.flush()
            write_atomic(self._scratch / "about.json", json.dumps(self._about))
            shutil.rmtree(self._folder, ignore_errors=True)
            os.replace(self._scratch, self._folder)
        states = read_states(self._folder)
        assert states is not None
        return states

    def _array(self, name: str, shape: tuple[int, ...]) -> Floats:
        file = self._scratch / name
        if 0 in shape:  # nothing to map
            np.save(file, np.zeros(shape, np.float32))
            return np.zeros(shape, np.float32)
        array: Floats = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            file, mode="w+", dtype=np.float32, shape=shape
        )
        # Reserve the space now: a disk that fills up later would end the process by SIGBUS.
        with file.open("r+b") as stream:
            try:
                os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # not on this file system
                    raise
        return array
