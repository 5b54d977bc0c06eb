"""Rows of a data set: from the Hugging Face Hub at a pinned revision, or from a JSONL file."""

import hashlib
import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from sfr_eval.errors import UserError
from sfr_eval.util.reading import parsed_json, read_model
from sfr_eval.util.untrusted import unpacked

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class HubData:
    """A data set on the Hub at one commit. With `files` those JSON-lines files of the repository
    are read; else the split of a configuration."""

    repository: str
    revision: str
    configuration: str | None = None
    split: str = "test"
    files: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Names these rows and no others: a commit does not change."""
        parts = (self.repository, self.revision, self.configuration, self.split, *self.files)
        return ":".join(part or "-" for part in parts)

    def rows(self, *, suite: str) -> Sequence[Mapping[str, Any]]:
        """All rows; from the local cache where they have been loaded before."""
        if importlib.util.find_spec("datasets") is None:
            raise UserError(
                f"--suite {suite}: the package datasets is not installed; "
                "pip install sfr-eval[code], or give --data FILE"
            )
        try:
            return self._load()
        except OSError:  # of the network and of the cache alike; so are the Hub's own errors
            offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
            why = "HF_HUB_OFFLINE is set" if offline else "the Hugging Face Hub cannot be reached"
            raise UserError(
                f"--suite {suite}: {self.repository} is not in the local cache while {why}; "
                "load it once online, or give --data FILE (--data small: the set that ships)"
            ) from None

    def _load(self) -> Sequence[Mapping[str, Any]]:
        import datasets

        if not self.files:
            loaded: Sequence[Mapping[str, Any]] = datasets.load_dataset(
                self.repository, self.configuration, split=self.split, revision=self.revision
            )
            return loaded
        from huggingface_hub import hf_hub_download

        paths = [
            hf_hub_download(self.repository, name, repo_type="dataset", revision=self.revision)
            for name in self.files
        ]
        return json_rows(paths)


def json_rows(paths: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Rows of local JSON-lines files through `datasets`: kept on disk as Arrow, read row by row,
    so that gigabytes of tests never are in memory at once."""
    import datasets

    loaded: Sequence[Mapping[str, Any]] = datasets.load_dataset(
        "json", data_files=list(paths), split="train"
    )
    return loaded


@dataclass(frozen=True, kw_only=True)
class FileData:
    """A file that the user names: JSON lines (also .gz) or one JSON list."""

    file: Path

    @property
    def identity(self) -> str:
        """Hash of the content."""
        return f"sha256:{hashlib.sha256(self._bytes()).hexdigest()}"

    def _bytes(self) -> bytes:
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise UserError(f"--data {self.file}: cannot be read ({error.strerror})") from None

    def rows(self) -> list[tuple[str, Any]]:
        """(where, row) of every row."""
        raw = self._bytes()
        try:
            where = f"--data {self.file}"
            text = (unpacked(raw, where=where) if self.file.suffix == ".gz" else raw).decode()
        except UnicodeDecodeError as error:
            raise UserError(f"--data {self.file}: is not UTF-8 text (byte {error.start})") from None
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


def read_file(kind: type[Model], data: FileData) -> list[Model]:
    """All rows of a file, checked; UserError names the first bad one, and an empty file."""
    rows = [read_model(kind, row, where=where) for where, row in data.rows()]
    if not rows:
        raise UserError(f"--data {data.file}: holds no row")
    return rows


def read_hub(kind: type[Model], data: HubData, *, suite: str) -> list[Model]:
    """All rows of a small data set on the Hub, checked."""
    return [
        read_model(kind, dict(row), where=f"{data.repository} row {number}")
        for number, row in enumerate(data.rows(suite=suite), start=1)
    ]


def data_file(text: str, *, folder: Path) -> FileData:
    """The file of --data; `small` is the one that ships with the suite."""
    path = Path(text).expanduser()
    shipped = folder / f"{text}.jsonl"
    if not path.exists() and os.sep not in text and shipped.is_file():
        path = shipped
    if not path.is_file():
        raise UserError(f"--data {text}: no such file")
    return FileData(file=path)


def unique(ids: Iterable[str], *, where: str) -> None:
    """UserError if two problems have the same id."""
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            raise UserError(f"{where}: two problems have the id {id}")
        seen.add(id)
