"""Reads the values of a run: scores/<family>@<version>.parquet, which came with the run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.errors import UserError
from sfr_eval.util.parquet import own_table

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = ("metric", "suite", "query", "persona", "sample_id", "reason")
_NUMBERS = ("temperature", "value")
_OPTIONAL = "standard_error"


def score_files(folder: Path) -> list[Path]:
    """Return the files of a run folder, by name."""
    return sorted((folder / "scores").glob("*.parquet"))


def read_scores(
    file: Path, *, columns: Sequence[str] | None = None, metric: str = "", suite: str = ""
) -> "pa.Table":
    """Return the values in a file, of one metric and one suite if they are named. Raises UserError
    if the file is damaged or holds something else; FileNotFoundError if there is none."""
    import pyarrow as pa

    remedy = f"run `sfr-eval score {file.parent.parent}` again"
    try:
        table = own_table(file)
    except FileNotFoundError:
        if file.is_symlink():
            raise UserError(f"{file}: a link that leads nowhere; {remedy}") from None
        raise
    except UserError:  # which is a ValueError
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError, pa.ArrowException):
        raise UserError(f"{file}: damaged; {remedy}") from None
    values = _values(table)
    if values is None:
        raise UserError(f"{file}: not a table of values; {remedy}")
    return _chosen(values, {"metric": metric, "suite": suite}).select(columns or table.column_names)


def _values(table: "pa.Table") -> "pa.Table | None":
    """Return a table with the columns that we write; None if those are not its own, or a text is
    missing, or a number is not finite."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = {name: pa.string() for name in _TEXTS} | {
        name: pa.float64()
        for name in (*_NUMBERS, _OPTIONAL)
        if name in (*_NUMBERS, *table.column_names)
    }
    if sorted(table.column_names) != sorted(kinds):
        return None
    try:
        table = table.cast(pa.schema([(name, kinds[name]) for name in table.column_names]))
    except pa.ArrowException:
        return None
    if any(table[name].null_count for name in (*_TEXTS, "temperature")):
        return None
    numbers = [table[name] for name, kind in kinds.items() if kind == pa.float64()]
    return table if all(pc.all(pc.is_finite(n)).as_py() is not False for n in numbers) else None


def _chosen(table: "pa.Table", equal: dict[str, str]) -> "pa.Table":
    import pyarrow.compute as pc

    for name, value in equal.items():
        if value:
            table = table.filter(pc.equal(table[name], value))
    return table
