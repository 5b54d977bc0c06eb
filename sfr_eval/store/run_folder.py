"""The files of a run, and how it survives a crash.

    manifest.json     settings, plan, fingerprints, versions, status (store/manifest.py)
    samples/*.jsonl   append-only: one file for each session, one line for each completion, each
                      line with its own checksum; a torn last line is dropped when read
    samples.parquet   the rows of the plan, in plan order (zstd): equal runs have equal bytes
    scores/           one Parquet file for each metric family
    results.json      every Estimate (store/results.py)

Rows hold nothing that differs between equal runs, so an interrupted and resumed run seals to the
same bytes as an uninterrupted one.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import FILE as MANIFEST
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import FILE as RESULTS
from sfr_eval.store.results import Results
from sfr_eval.store.rows import SampleWriter, decode_row, sample_from, to_table
from sfr_eval.types import Sample
from sfr_eval.util.files import atomic_path, writing_to
from sfr_eval.util.lock import FolderLock
from sfr_eval.util.parquet import own_rows, write_own
from sfr_eval.util.untrusted import open_plain, plain_bytes, refuse_links

if TYPE_CHECKING:
    import pyarrow as pa


class RunFolder:
    """The folder of one run. Inside a `with` block it is locked against a second writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[str] = []  # file:line of each row that `read_samples` left out
        self._lock = FolderLock(path / ".lock", where=str(path))

    @property
    def manifest_file(self) -> Path:
        """Path of manifest.json."""
        return self.path / MANIFEST

    @property
    def samples_file(self) -> Path:
        """Path of samples.parquet."""
        return self.path / "samples.parquet"

    @property
    def results_file(self) -> Path:
        """Path of results.json."""
        return self.path / RESULTS

    def __enter__(self) -> "RunFolder":
        with writing_to(self.path):
            refuse_links(self.path)
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
            self._lock.take()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def read_manifest(self) -> Manifest | None:
        """Return the manifest, or None in a folder without one. Raises UserError if damaged."""
        return Manifest.find(self.path)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        with writing_to(self.path):
            manifest.save(self.path)

    def read_samples(self) -> dict[str, Sample]:
        """Return all stored rows by sample_id. An answer replaces an earlier error of the same id.

        A torn last line is what a crash leaves, and is dropped. A damaged line elsewhere is dropped
        too, but listed in `damaged`, as is a row that could not be sealed. Either way the row is
        missing and will be drawn again.
        """
        rows: dict[str, Sample] = {}
        self.damaged = []
        for file in sorted((self.path / "samples").glob("*.jsonl")):
            try:
                lines = plain_bytes(file).splitlines(keepends=True)
            except OSError as error:
                raise UserError(f"{file}: cannot be read ({error.strerror})") from None
            for number, line in enumerate(lines, start=1):
                sample = decode_row(line, Sample)
                if sample is None:
                    if number < len(lines):
                        self.damaged.append(f"{file}:{number}")
                    continue
                earlier = rows.get(sample.sample_id)
                if earlier is None or earlier.status == "error":
                    rows[sample.sample_id] = sample
        return rows

    def writer(self) -> SampleWriter:
        """Return a writer to a new file, which comes after those of earlier sessions."""
        return SampleWriter.next_in(self.path / "samples")

    def seal(self, samples: Sequence[Sample]) -> str:
        """Write the rows as Parquet, in the order given: equal rows give equal bytes. Returns the
        sha256 of the file, for `sealed` in the manifest.

        Results of other rows are removed first: a kill before the new ones are measured must not
        leave both side by side.
        """
        with writing_to(self.path), atomic_path(self.samples_file) as temporary:
            digest = write_own(to_table(samples), temporary, row_group_size=65_536)
            if self.samples_file.is_file() and digest != _sha256(self.samples_file):
                self.results_file.unlink(missing_ok=True)
            return digest

    def sealed_samples(self) -> list[Sample]:
        """Return the rows of samples.parquet, in plan order. Raises UserError if the file is
        missing or damaged; the manifest has its sha256."""
        import pyarrow as pa

        manifest = self.read_manifest()
        expected = manifest and manifest.sealed
        try:
            if expected is not None and _sha256(self.samples_file) != expected:
                raise ValueError
            return [sample_from(row) for row in own_rows(self.samples_file)]
        except FileNotFoundError:
            raise UserError(f"{self.path}: no samples.parquet; run it to its end first") from None
        except UserError:  # which is a ValueError
            raise
        except (ValueError, TypeError, LookupError, OSError, pa.ArrowException):  # torn, or foreign
            message = f"{self.samples_file}: damaged; repeat the command that made it"
            raise UserError(message) from None

    def write_scores(self, name: str, table: "pa.Table") -> None:
        """Write scores/<name>.parquet."""
        with writing_to(self.path):
            (self.path / "scores").mkdir(exist_ok=True)
            with atomic_path(self.path / "scores" / f"{name}.parquet") as temporary:
                write_own(table, temporary)

    def write_results(self, results: Results) -> None:
        """Replace results.json. NaN is refused: undefined values are null with a reason."""
        with writing_to(self.path):
            results.save(self.path)

    def read_results(self) -> Results:
        """Return the results of a scored run. Raises UserError if there are none."""
        return Results.load(self.path)


def _sha256(file: Path) -> str:
    with open_plain(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
