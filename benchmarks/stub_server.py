"""A server on loopback that answers chat requests at once, or at a given rate, in a process of its
own: the smallest that the client accepts."""

import asyncio
import json
import multiprocessing
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

MODEL = "stub"
_SEED = re.compile(rb'"seed": ?(\d+)')


def completion(text: str, *, prompt_tokens: int, completion_tokens: int) -> bytes:
    """Return the body of an answer."""
    return json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }
    ).encode()


_MODELS = json.dumps({"object": "list", "data": [{"id": MODEL}]}).encode()


class _Pace:
    """When the next answer may leave: `rate` of them a second, those of a late start made up."""

    def __init__(self, rate: float | None) -> None:
        self._rate, self._first, self._count = rate, 0.0, 0

    def wait(self, now: float) -> float:
        """Return the seconds until this answer may leave."""
        if self._rate is None:
            return 0.0
        self._first = self._first or now
        self._count += 1
        return max(0.0, self._first + self._count / self._rate - now)


class Stub(asyncio.Protocol):
    """One connection. The seed of a request decides which of the texts it gets."""

    def __init__(self, bodies: Sequence[bytes], pace: _Pace) -> None:
        self._bodies, self._pace = bodies, pace
        self._waiting = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            length = 0
            for line in head.split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if len(self._waiting) < end + 4 + length:
                return
            request = self._waiting[end + 4 : end + 4 + length]
            self._waiting = self._waiting[end + 4 + length :]
            if b"/models" in head.split(b"\r\n")[0]:
                self._send(_MODELS)
                continue
            seed = _SEED.search(request)
            body = self._bodies[int(seed[1]) % len(self._bodies) if seed else 0]
            loop = asyncio.get_running_loop()
            if wait := self._pace.wait(loop.time()):
                loop.call_later(wait, self._send, body)
            else:
                self._send(body)

    def _send(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )


def _serve(pipe: Any, bodies: Sequence[bytes], rate: float | None) -> None:
    async def run() -> None:
        pace = _Pace(rate)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Stub(bodies, pace), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving(bodies: Sequence[bytes], *, rate: float | None = None) -> Iterator[str]:
    """Yield the base URL of a server of these answers, at most `rate` a second."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(there, bodies, rate), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
    finally:
        process.terminate()
        process.join()
