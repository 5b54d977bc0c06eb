"""Loads the tokenizer of a job, with the chat template to train with."""

import hashlib
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError


def load_tokenizer(source: str, *, name: str, revision: str | None, template: str | None) -> Any:
    """Return the tokenizer of a Hub id or folder. template: a .jinja file, or the folder or Hub id
    of a tokenizer that has one. Raises UserError if it cannot be loaded or has no template."""
    import transformers

    options = {"revision": revision} if revision else {}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            source, trust_remote_code=False, **options
        )
    except (OSError, ValueError) as error:
        raise UserError(f"model {name}: cannot be loaded: {_reason(error)}") from None
    if template is not None:
        tokenizer.chat_template = _template(template)
    if tokenizer.chat_template is None:
        raise UserError(
            f"model {name}: its tokenizer has no chat template; set training.chat_template_path"
        )
    return tokenizer


def template_fingerprint(path: str | None) -> str:
    """Return a digest of what training takes from chat_template_path: the template and, of another
    tokenizer, its end token and added tokens; "" without a path."""
    if path is None:
        return ""
    parts = [str(_template(path))]
    if not _is_text(path):
        other = _tokenizer(path)
        parts += [str(other.eos_token), *map(str, other.added_tokens_decoder.values())]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _template(path: str) -> Any:
    if _is_text(path):
        try:
            return Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(f"training.chat_template_path {path}: is not UTF-8 text") from None
    other = _tokenizer(path)
    if other.chat_template is None:
        raise UserError(f"training.chat_template_path {path}: has no chat template")
    return other.get_chat_template()


def _is_text(path: str) -> bool:
    return path.endswith((".jinja", ".j2")) and Path(path).is_file()


def _tokenizer(path: str) -> Any:
    import transformers

    try:
        return transformers.AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"training.chat_template_path {path}: neither a .jinja file nor a tokenizer: "
            f"{_reason(error)}"
        ) from None


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
