"""An HTTP client that reads no more of a response than a model could have written.

A server is not trusted: an endless response, or one that unpacks to gigabytes, would take the
memory of a run that holds thousands of good answers.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

MAX_BYTES = 16 * 2**20
"""Limit on a response as it is sent. A million tokens of text take about 6 MB."""
MAX_PACKED_BYTES = 256 * 2**10
"""Limit on a compressed response: gzip unpacks to at most 1,030 times the size."""


def client() -> "httpx2.AsyncClient":
    """Return a client for `openai.AsyncOpenAI(http_client=...)`."""
    import httpx2
    import openai

    class Stream(httpx2.AsyncByteStream):
        def __init__(self, response: httpx2.Response) -> None:
            self._inner: Any = response.stream
            encoding = response.headers.get("content-encoding", "identity")
            self._left = MAX_BYTES if encoding == "identity" else MAX_PACKED_BYTES

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for part in self._inner:
                self._left -= len(part)
                if self._left < 0:
                    raise httpx2.ReadError("the response is longer than any model's")
                yield part

        async def aclose(self) -> None:
            await self._inner.aclose()

        @property
        def elapsed(self) -> Any:
            return self._inner.elapsed

    async def bound(response: httpx2.Response) -> None:
        response.stream = Stream(response)

    return openai.DefaultAsyncHttpxClient(event_hooks={"response": [bound]})
