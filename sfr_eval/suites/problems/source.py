"""Reads the rows of a data set, from the Hugging Face Hub at a pinned revision or a JSONL file."""

import hashlib
import importlib.util
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.assets import available, cache_folder, find_suite
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.reading import parsed_json, read_model
from sfr_eval.util.untrusted import plain_bytes, unpacked

Model = TypeVar("Model", bound=BaseModel)
Rows = Sequence[Mapping[str, Any]]
_MOST_BYTES = 2**26  # of a download


@dataclass(frozen=True, kw_only=True)
class HubData:
    """A data set on the Hub at one commit: the JSON-lines `files` of the repository if given, else
    the split of a configuration."""

    repository: str
    revision: str
    configuration: str | None = None
    split: str = "test"
    files: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Identifies exactly these rows, since a commit does not change."""
        parts = (self.repository, self.revision, self.configuration, self.split, *self.files)
        return ":".join(part or "-" for part in parts)

    def rows(self, *, suite: str) -> Rows:
        """Return all rows, from the local cache if they have been loaded before."""
        if importlib.util.find_spec("datasets") is None:
            raise UserError(
                f"--suite {suite}: the package `datasets` is not installed; "
                "pip install 'sfr-eval[code]', or pass --data FILE"
            )
        try:
            return self._load()
        except OSError:  # network, cache, and the Hub's own errors
            from huggingface_hub.constants import HF_HUB_OFFLINE

            why = "HF_HUB_OFFLINE is set" if HF_HUB_OFFLINE else "the Hub cannot be reached"
            bundled = suite in available("tasks") and (find_suite(suite) / "small.jsonl").is_file()
            small = " (--data small: the bundled set)" if bundled else ""
            raise UserError(
                f"--suite {suite}: {self.repository} is not in the local cache while {why}; "
                f"load it once online, or pass --data FILE{small}"
            ) from None

    def _load(self) -> Rows:
        import datasets

        if not self.files:
            loaded: Rows = datasets.load_dataset(
                self.repository, self.configuration, split=self.split, revision=self.revision
            )
            return loaded
        from huggingface_hub import hf_hub_download

        paths = [
            hf_hub_download(self.repository, name, repo_type="dataset", revision=self.revision)
            for name in self.files
        ]
        return json_rows(paths)


def json_rows(paths: Sequence[str]) -> Rows:
    """Read local JSON-lines files through `datasets`, which keeps them on disk as Arrow, so that
    gigabytes of tests are never in memory at once."""
    import datasets

    loaded: Rows = datasets.load_dataset("json", data_files=list(paths), split="train")
    return loaded


@dataclass(frozen=True, kw_only=True)
class FileData:
    """A file given by the user: JSON lines (also .gz) or one JSON list."""

    file: Path

    @property
    def identity(self) -> str:
        """Hash of the content, which identifies the rows."""
        return f"sha256:{hashlib.sha256(self._bytes()).hexdigest()}"

    def _bytes(self) -> bytes:
        try:
            return plain_bytes(self.file)
        except OSError as error:
            raise UserError(f"--data {self.file}: cannot be read ({error.strerror})") from None

    def rows(self) -> list[tuple[str, Any]]:
        """Return (where, row) for every row."""
        raw = self._bytes()
        try:
            where = f"--data {self.file}"
            text = (unpacked(raw, where=where) if self.file.suffix == ".gz" else raw).decode()
        except UnicodeDecodeError as error:
            raise UserError(f"--data {self.file}: not UTF-8 text (byte {error.start})") from None
        if text.lstrip().startswith("["):
            return [
                (f"{self.file}: row {number}", row)
                for number, row in enumerate(parsed_json(text, where=str(self.file)), start=1)
            ]
        return [
            (f"{self.file}:{number}", parsed_json(line, where=f"{self.file}:{number}"))
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip()
        ]


@dataclass(frozen=True, kw_only=True)
class WebData:
    """A file on the web, known by the hash of its content; it is downloaded once."""

    url: str
    sha256: str

    def file(self, *, suite: str) -> FileData:
        """Return the file in the cache, after downloading it if it is not there. Its identity is
        that of the same file given with --data."""
        file = cache_folder() / "data" / self.sha256[:16] / self.url.rpartition("/")[2]
        if not (file.is_file() and hashlib.sha256(plain_bytes(file)).hexdigest() == self.sha256):
            content = self._download(suite=suite)
            with writing_to(file.parent):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(file, content)
        return FileData(file=file)

    def _download(self, *, suite: str) -> bytes:
        from urllib.request import urlopen

        remedy = f"download {self.url} and pass --data FILE"
        if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false", "no", "off"):
            raise UserError(
                f"--suite {suite}: its data are not in the cache while HF_HUB_OFFLINE is set; "
                f"load them once online, or {remedy}"
            )
        try:
            with urlopen(self.url, timeout=60) as answer:
                content: bytes = answer.read(_MOST_BYTES)
        except (OSError, HTTPException) as error:
            raise UserError(f"--suite {suite}: no download ({error}); {remedy}") from None
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise UserError(
                f"--suite {suite}: {self.url} sent other bytes than those of the pinned release; "
                "try again, or pass --data FILE"
            )
        return content


def read_file(kind: type[Model], data: FileData) -> list[Model]:
    """Read and check all rows of a file. Raises UserError for the first bad row or an empty
    file."""
    rows = [read_model(kind, row, where=where) for where, row in data.rows()]
    if not rows:
        raise UserError(f"--data {data.file}: no rows")
    return rows


def read_hub(kind: type[Model], data: HubData, *, suite: str) -> list[Model]:
    """Read and check all rows of a small data set on the Hub."""
    return [
        read_model(kind, dict(row), where=f"{data.repository} row {number}")
        for number, row in enumerate(data.rows(suite=suite), start=1)
    ]


def data_file(text: str, *, folder: Path) -> FileData:
    """Return the file of --data; `small` is the one bundled with the suite."""
    path = Path(text).expanduser()
    bundled = folder / f"{text}.jsonl"
    if not path.exists() and os.sep not in text and bundled.is_file():
        path = bundled
    if not path.is_file():
        raise UserError(f"--data {text}: no such file")
    return FileData(file=path)


def check_choice(name: str, choices: Collection[str], *, kind: str, suite: str) -> None:
    """Raise UserError if the suite has no release or prompt form (`kind`) of this name."""
    if name not in choices:
        near = did_you_mean(name, choices)
        raise UserError(f"--{kind.replace(' ', '-')} {name}: unknown {kind} of {suite}; {near}")


def unique(ids: Iterable[str], *, where: str) -> None:
    """Raise UserError if two problems have the same id."""
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            raise UserError(f"{where}: two problems have the id {id}")
        seen.add(id)
