"""Data sets of the Hub, or local files and folders that the datasets library reads."""

from typing import Any

from sfr_eval.errors import UserError


def load_dataset(path: str, subset: str | None = None, *, where: str, **options: Any) -> Any:
    """Call `datasets.load_dataset`. Raises UserError, which begins with `where`, if it fails."""
    import datasets
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return datasets.load_dataset(path, subset, **options)
    except StopIteration:
        raise UserError(f"{where}: has no rows") from None
    except (
        datasets.exceptions.DatasetsError,
        FileNotFoundError,
        ValueError,
        ConnectionError,
        HfHubHTTPError,
    ) as error:
        cause = error.__cause__  # of DatasetGenerationError, which only says that there was one
        if isinstance(cause, OSError):
            raise cause from None  # a full disk, or a cache that cannot be written
        reason = (str(cause or error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{where}: cannot be loaded: {reason}") from None
