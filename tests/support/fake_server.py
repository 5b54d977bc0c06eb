"""A scripted OpenAI-compatible server on loopback, in a thread of its own."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Fault = str
"""`cut`: the connection ends inside the answer; `hang`: nothing comes for a minute; `drip`: a byte
of the body now and then; `slow head`: a header now and then; `endless`: a body without end."""


@dataclass
class Reply:
    """What goes out."""

    status: int = 200
    body: Any = None  # JSON, or bytes as they are
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault = ""


def completion(
    text: str | None,
    *,
    finish: str | None = "stop",
    refusal: str | None = None,
    model: str = "fake",
    usage: tuple[int, int] | None = (100, 5),
) -> Reply:
    """A well-formed chat completion."""
    body: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
                "finish_reason": finish,
            }
        ],
    }
    if usage is not None:
        prompt, answer = usage
        body["usage"] = {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
        }
    return Reply(body=body)


def list_of(models: list[str]) -> Reply:
    """The response of /models."""
    return Reply(body={"object": "list", "data": [{"id": name} for name in models]})


def refusal_of(message: str, *, param: str | None = None, status: int = 400) -> Reply:
    """HTTP 400 as OpenAI and vLLM write it."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return Reply(status=status, body={"error": error})


Answerer = Callable[[dict[str, Any], Mapping[str, str]], Reply]
"""(request body, request headers) -> what to send"""


class FakeServer:
    """`answer` decides on every chat request; `bodies` keeps them when `keep` is set."""

    def __init__(
        self, answer: Answerer, *, models: list[str] | Reply | None = None, keep: bool = True
    ):
        self.answer = answer
        self.models = ["fake"] if models is None else models
        self.keep = keep
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.count = 0
        self.in_flight = self.most_in_flight = 0
        self.delay = 0.0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if ": " in line)
                headers = {name.lower(): value for name, value in pairs}
                raw = await reader.readexactly(int(headers.get("content-length", "0")))
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    if not await self._respond(head[0], headers, raw, writer):
                        return
                finally:
                    self.in_flight -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _respond(
        self, line: str, headers: dict[str, str], raw: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        if "/models" in line:
            reply = self.models if isinstance(self.models, Reply) else list_of(self.models)
        else:
            body = json.loads(raw)
            self.count += 1
            if self.keep:
                self.bodies.append(body)
                self.headers.append(headers)
            if self.delay:
                await asyncio.sleep(self.delay)
            reply = self.answer(body, headers)
        if reply.fault == "hang":
            await asyncio.sleep(60)
        if reply.fault in ("drip", "slow head", "endless"):
            return await _never_end(reply.fault, writer)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        fields = {"Content-Type": "application/json", **reply.headers}
        fields["Content-Length"] = str(len(content))
        start = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        if reply.fault == "cut":
            content = content[: len(content) // 2]
        writer.write(f"HTTP/1.1 {reply.status} X\r\n{start}\r\n".encode() + content)
        await writer.drain()
        return reply.fault != "cut"

    async def _serve(self, ready: threading.Event) -> None:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self.handle(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", self.port, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._stop = asyncio.Event()
        ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._serve(ready)), daemon=True
        )
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()


async def _never_end(fault: Fault, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n")
    if fault != "slow head":
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
    part = {"slow head": b"a: b\r\n", "drip": b"1\r\n \r\n"}.get(fault)
    while True:  # until the other side has enough
        writer.write(part or b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()
        if part:
            await asyncio.sleep(0.02)


@contextmanager
def serving(answer: Answerer, **settings: Any) -> Iterator[FakeServer]:
    """A server for the block."""
    server = FakeServer(answer, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()
