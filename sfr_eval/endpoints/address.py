"""Where a server is, which model it serves, and which key opens it.

Keys come only from the environment and live only in the client: no setting, file, log line or error
contains one. So an address that contains a password is refused, and the error does not repeat it.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sfr_eval.endpoints import bounded
from sfr_eval.endpoints.refusals import words
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.untrusted import whole_text

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "EMPTY"  # the customary placeholder for servers without a key
_CHECK_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A model behind one or more base URLs."""

    urls: tuple[str, ...]
    model: str
    where: str  # the option that gave it, for errors

    @property
    def name(self) -> str:
        """`model@host`, as shown and recorded."""
        return f"{self.model}@{urlsplit(self.urls[0]).netloc}"


def checked_url(text: str, *, where: str) -> str:
    """Return a base URL without a trailing slash. Raises UserError if it is not one."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError unless it is a number
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
    except ValueError:
        raise UserError(f"{where}: not a URL; write http://host:port/v1") from None
    if parts.username or parts.password or parts.query:
        raise UserError(
            f"{where}: contains a user name, password or query, which would be written to the run "
            "folder; give the key in the environment"
        )
    return text.partition("#")[0].rstrip("/")


def subject_address(model: str, base_urls: tuple[str, ...] | None) -> Address:
    """Return the address in --base-url, else OPENAI_BASE_URL, else that of OpenAI."""
    where = "--base-url" if base_urls else "OPENAI_BASE_URL"
    addresses = base_urls or (os.environ.get("OPENAI_BASE_URL") or OPENAI_URL,)
    urls = dict.fromkeys(checked_url(url, where=where) for url in addresses)
    return Address(urls=tuple(urls), model=model, where=where)


def judge_address(judge: str) -> Address:
    """Return the address in --judge: a model name at SFR_EVAL_JUDGE_BASE_URL, else OPENAI_BASE_URL,
    else OpenAI; or a URL, with `#model` at its end if the server has several models."""
    if "://" in judge:
        url = checked_url(judge, where="--judge")
        return Address(urls=(url,), model=judge.partition("#")[2], where="--judge")
    for name in ("SFR_EVAL_JUDGE_BASE_URL", "OPENAI_BASE_URL"):
        if address := os.environ.get(name):
            return Address(urls=(checked_url(address, where=name),), model=judge, where=name)
    return Address(urls=(OPENAI_URL,), model=judge, where="--judge")


def subject_key() -> str:
    """Return OPENAI_API_KEY, or the customary placeholder for servers without a key."""
    return os.environ.get("OPENAI_API_KEY") or NO_KEY


def judge_key(address: Address) -> str:
    """Return SFR_EVAL_JUDGE_API_KEY, or the subject's key if it is meant for this server."""
    if key := os.environ.get("SFR_EVAL_JUDGE_API_KEY"):
        return key
    subject_url = (os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
    return subject_key() if address.urls[0] == subject_url else NO_KEY


def reach(address: Address, *, key: str) -> str:
    """Ask every server for its models and return the model to use. Raises UserError if a server is
    not there, refuses the key, or does not serve the model. A server without a list of models is
    trusted to serve the model."""
    import openai

    model = address.model
    for url in address.urls:
        where = f"{address.where} {url}"
        listing = None
        try:
            listing = asyncio.run(_list_models(url, key=key))
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            status, name = error.status_code, _key_name(address)
            raise UserError(f"{where}: refuses the key (HTTP {status}); set {name}") from None
        except openai.APIStatusError as error:
            if error.status_code < 500 and model:
                continue  # it is there but has no list
            raise UserError(
                f"{where}: cannot list its models (HTTP {error.status_code}); is this the base "
                "URL, with /v1?"
            ) from None
        except bounded.Redirect as error:
            raise UserError(f"{where}: {error}") from None
        except (TimeoutError, openai.APIConnectionError):
            raise UserError(
                f"{where}: no server answers there; start it or fix the address"
            ) from None
        except ValueError:
            pass  # not JSON, so not a list of models
        models = _model_ids(listing)
        if not model:
            if len(models) != 1:
                problem = f"serves {', '.join(models[:5])}" if models else "names no model"
                raise UserError(f"{where}: {problem}; write {url}#MODEL to choose")
            model = models[0]
        elif models and model not in models:
            near = did_you_mean(model, models[:50])
            raise UserError(f"{where}: does not serve `{model}`; {near}")
    return model


async def _list_models(url: str, *, key: str) -> object:
    import openai

    async with (
        openai.AsyncOpenAI(
            base_url=url,
            api_key=key,
            max_retries=1,
            timeout=_CHECK_SECONDS,
            http_client=bounded.client(),
        ) as client,
        asyncio.timeout(2 * _CHECK_SECONDS),
    ):
        return await client.get("/models", cast_to=object)


def _key_name(address: Address) -> str:
    judge = address.where in ("--judge", "SFR_EVAL_JUDGE_BASE_URL")
    return "SFR_EVAL_JUDGE_API_KEY" if judge else "OPENAI_API_KEY"


def _model_ids(listing: object) -> list[str]:
    """Return the model ids in the response of /models; none if it is something else."""
    rows = listing.get("data") if isinstance(listing, Mapping) else None
    if not isinstance(rows, list):
        return []
    names = [row["id"] for row in rows if isinstance(row, Mapping) and "id" in row]
    return [whole_text(words(name)[:200]) for name in names]
