"""An HTTP client for servers that are not trusted.

An endless response, or one that unpacks to gigabytes, would take the memory of a run that holds
thousands of good answers; a redirect would hand the prompts to a host that nobody named. So a
response is read and unpacked up to a limit, only a few long ones at a time, its text is UTF-8
whatever it claims, and a redirect that leaves the server or loses the request is an error.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

MAX_BYTES = 16 * 2**20
"""Limit on a response, unpacked. A million tokens of text take about 6 MB."""
LONG_BYTES = 2**20
"""From here a response is long."""
LONG_AT_ONCE = 4
"""How many long responses are in memory at the same time; others wait, within their deadline."""
_PART_BYTES = 2**16
_WINDOW_BITS = {"": 0, "identity": 0, "gzip": 31, "x-gzip": 31, "deflate": 15}
"""Encodings that are read, though none is asked for, and zlib's number of each."""


class Redirect(Exception):
    """A redirect that is not followed; says where to."""


def client() -> "httpx2.AsyncClient":
    """Return a client for `openai.AsyncOpenAI(http_client=...)`."""
    import httpx2
    import openai

    long_ones = asyncio.Semaphore(LONG_AT_ONCE)

    class Stream(httpx2.AsyncByteStream):
        def __init__(self, response: httpx2.Response, bits: int) -> None:
            self._inner: Any = response.stream
            self._unpack = zlib.decompressobj(bits) if bits else None
            self._is_long = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            content = bytearray()
            try:
                async for sent in self._inner:
                    for part in self._parts(sent):
                        content += part
                        if len(content) > MAX_BYTES:
                            raise httpx2.ReadError("the response is longer than any model's")
                        if len(content) > LONG_BYTES and not self._is_long:
                            await long_ones.acquire()
                            self._is_long = True
                yield bytes(content)
            finally:
                content.clear()  # what failed lives on in the tracebacks of its errors

        def _parts(self, sent: bytes) -> Iterator[bytes]:
            if self._unpack is None:
                yield sent
                return
            try:
                while part := self._unpack.decompress(sent, _PART_BYTES):
                    yield part
                    sent = self._unpack.unconsumed_tail
            except zlib.error:
                raise httpx2.ReadError("the response cannot be unpacked") from None

        async def aclose(self) -> None:
            if self._is_long:
                self._is_long = False
                long_ones.release()
            await self._inner.aclose()

        @property
        def elapsed(self) -> Any:
            return self._inner.elapsed

    async def bound(response: httpx2.Response) -> None:
        refuse_redirect(response)
        encoding = response.headers.pop("content-encoding", "").strip().lower()
        if encoding not in _WINDOW_BITS:
            raise httpx2.ReadError(f"the response is packed as `{encoding[:40]}`, unasked")
        response.encoding = "utf-8"  # Python's codecs include some that unpack, or are quadratic
        response.stream = Stream(response, _WINDOW_BITS[encoding])

    return openai.DefaultAsyncHttpxClient(
        event_hooks={"response": [bound]},
        headers={"accept-encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # else they would pile up
    )


def refuse_redirect(response: "httpx2.Response") -> None:
    """Raise Redirect for one to another server, or one after which the request would be sent
    without its body."""
    import httpx2

    if not response.has_redirect_location:
        return
    location = response.headers["location"]
    try:
        target = response.url.join(location)
        same = _origin(target) == _origin(response.url)
    except (httpx2.InvalidURL, ValueError):  # a UnicodeError for some host names
        same = False
    if not same or (response.status_code not in (307, 308) and response.request.method != "GET"):
        raise Redirect(
            f"redirects to {' '.join(location[:120].split())} (HTTP {response.status_code}), which "
            "is not followed; if you trust that address, give it"
        )


def _origin(url: "httpx2.URL") -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
