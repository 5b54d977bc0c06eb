"""Where a server is, which model it serves, and which key opens it.

Keys come from the environment only and live in the client only: no setting, file, log line or error
holds one. So an address with a password in it is refused, and not repeated.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sfr_eval.endpoints import bounded
from sfr_eval.errors import UserError, did_you_mean

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "EMPTY"  # what servers without a key are customarily sent
_CHECK_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A model behind one or more base URLs."""

    urls: tuple[str, ...]
    model: str
    where: str  # the option that named it, for errors

    @property
    def name(self) -> str:
        """`model@host`: what is shown and recorded."""
        return f"{self.model}@{urlsplit(self.urls[0]).netloc}"


def checked_url(text: str, *, where: str) -> str:
    """A base URL without a slash at its end; UserError for anything that is none."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise UserError(f"{where}: not a URL; write http://host:port/v1") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"{where}: not a URL; write http://host:port/v1")
    if parts.username or parts.password or parts.query:
        raise UserError(
            f"{where}: holds a user name, password or query, which would be written to the run "
            "folder; give the key in the environment"
        )
    return text.partition("#")[0].rstrip("/")


def subject_address(model: str, base_urls: tuple[str, ...] | None) -> Address:
    """--base-url, else OPENAI_BASE_URL, else OpenAI itself."""
    named = base_urls or (os.environ.get("OPENAI_BASE_URL") or OPENAI_URL,)
    where = "--base-url" if base_urls else "OPENAI_BASE_URL"
    urls = tuple(checked_url(url, where=where) for url in named)
    return Address(urls=tuple(dict.fromkeys(urls)), model=model, where=where)


def judge_address(judge: str) -> Address:
    """--judge: a model name at SFR_EVAL_JUDGE_BASE_URL, else OPENAI_BASE_URL, else OpenAI; or a
    URL, with `#model` behind it where the server has several."""
    if "://" in judge:
        url = checked_url(judge, where="--judge")
        return Address(urls=(url,), model=judge.partition("#")[2], where="--judge")
    for name in ("SFR_EVAL_JUDGE_BASE_URL", "OPENAI_BASE_URL"):
        if named := os.environ.get(name):
            return Address(urls=(checked_url(named, where=name),), model=judge, where=name)
    return Address(urls=(OPENAI_URL,), model=judge, where="--judge")


def subject_key() -> str:
    """OPENAI_API_KEY, or the customary word for servers without one."""
    return os.environ.get("OPENAI_API_KEY") or NO_KEY


def judge_key(address: Address) -> str:
    """SFR_EVAL_JUDGE_API_KEY; the subject's key only for the server that it is meant for."""
    own = os.environ.get("SFR_EVAL_JUDGE_API_KEY")
    meant_for = (os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
    return own or (subject_key() if address.urls[0] == meant_for else NO_KEY)


def reach(address: Address, *, key: str) -> str:
    """Ask every server for its models; returns the model to use. UserError when a server is not
    there, refuses the key, or does not serve the model. Servers without a list are believed."""
    import openai

    model = address.model
    for url in address.urls:
        with openai.OpenAI(
            base_url=url,
            api_key=key,
            max_retries=1,
            timeout=_CHECK_SECONDS,
            http_client=bounded.client(),
        ) as client:
            try:
                listed = client.get("/models", cast_to=object)
            except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
                raise UserError(
                    f"{address.where} {url}: refuses the key (HTTP {error.status_code}); set "
                    f"{_key_name(address)}"
                ) from None
            except openai.APIStatusError as error:
                if error.status_code < 500 and model:
                    continue  # it is there, but has no list
                raise UserError(
                    f"{address.where} {url}: cannot list its models (HTTP {error.status_code}); "
                    "is this the base URL, with /v1?"
                ) from None
            except openai.APIConnectionError:
                raise UserError(
                    f"{address.where} {url}: no server answers there; start it or mend the address"
                ) from None
            except ValueError:
                listed = None
        known = _ids(listed)
        if not model:
            if len(known) != 1:
                what = f"serves {', '.join(known[:5])}" if known else "names no model"
                raise UserError(f"{address.where} {url}: {what}; write {url}#MODEL to say which")
            model = known[0]
        elif known and model not in known:
            near = did_you_mean(model, known[:50])
            raise UserError(f"{address.where} {url}: does not serve `{model}`; {near}")
    return model


def _key_name(address: Address) -> str:
    judge = address.where in ("--judge", "SFR_EVAL_JUDGE_BASE_URL")
    return "SFR_EVAL_JUDGE_API_KEY" if judge else "OPENAI_API_KEY"


def _ids(listed: Any) -> list[str]:
    """Model ids in the answer of /models; none if it is something else."""
    rows = listed.get("data") if isinstance(listed, Mapping) else None
    if not isinstance(rows, list):
        return []
    return [str(row["id"])[:200] for row in rows if isinstance(row, Mapping) and "id" in row]
