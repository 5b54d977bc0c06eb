"""Serves a folder of runs over HTTP, read only: the index anew at `/`, and the files below.

Meant for the loopback interface. Answers GET and HEAD only, and only if the Host header names this
server, so that a web page elsewhere cannot reach it through a name of its own (DNS rebinding).
Paths are opened part by part without following links, so nothing outside the folder is read;
hidden names and listings of folders are refused. Files are served in a sandbox of their own: a page
that somebody put into the folder can run its scripts, but sees nothing else that is served.
"""

import errno
import hashlib
import ipaddress
import json
import os
import shutil
import socket
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from sfr_eval.errors import UserError
from sfr_eval.run_index.page import render
from sfr_eval.run_index.row import IndexRow
from sfr_eval.run_index.runs import RunCache, rows_of
from sfr_eval.run_index.tree import find_tree
from sfr_eval.util.progress import log, say

LIVE = "/.live.json"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".yaml": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".xml": "application/xml",
}
_OTHER = "application/octet-stream"
_INDEX_POLICY = "frame-ancestors 'none'"  # the page's own says the rest
_FILE_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Runs:
    """The runs of a folder, read again where they have changed; shared by all requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cache = RunCache()
        self._lock = threading.Lock()
        self._page: tuple[str, bytes] = ("", b"")

    def page(self) -> bytes:
        """Return index.html of this moment."""
        with self._lock:
            tree = find_tree([self.folder])
            rows = rows_of(tree, cache=self._cache)
            stamp = _stamp(rows)
            if self._page[0] != stamp or any(row.status == "running" for row in rows):
                page = render(tree, rows, folder=self.folder, live=stamp)
                self._page = stamp, page.encode()
            return self._page[1]

    def live(self) -> bytes:
        """Return as JSON what changes while runs go on."""
        with self._lock:
            rows = rows_of(find_tree([self.folder]), cache=self._cache)
        running = [
            {"place": r.place, "status": r.status, "done": r.done, "planned": r.planned}
            for r in rows
            if r.status == "running"
        ]
        return json.dumps({"stamp": _stamp(rows), "running": running}).encode()


def _stamp(rows: Sequence[IndexRow]) -> str:
    """Return what differs once a page shows something else than the progress of runs."""
    facts = [
        (r.place, r.suite, r.status, str(r.report), [(s.metric, s.estimate) for s in r.scores])
        for r in rows
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def serve(
    folder: Path,
    *,
    host: str,
    port: int,
    ready: Callable[[ThreadingHTTPServer], None] | None = None,
) -> None:
    """Serve a folder until Ctrl-C. Raises UserError if there is no such folder, or the address
    cannot be used. `ready` is called once the server listens."""
    find_tree([folder])
    server = make_server(folder, host=host, port=port)
    name, used = server.server_name, server.server_port
    shown = f"[{name}]" if ":" in name else name
    if not _is_loopback(name):
        log(f"warning: --host {host}: whoever reaches this machine can read {folder}")
    say(f"{folder}: http://{shown}:{used}/ (Ctrl-C ends it)")
    sys.stdout.flush()  # whoever reads a pipe waits for the address
    if ready is not None:
        ready(server)
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def make_server(folder: Path, *, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server that listens. Raises UserError if the address cannot be used."""

    class RunHandler(Handler):
        runs = Runs(folder)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def server_bind(self) -> None:
            """Bind without the look-up of a host name, which may take seconds."""
            self.socket.bind(self.server_address)
            self.server_address = self.socket.getsockname()
            self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    try:
        return Server((host, port), RunHandler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"--port {port}: in use; choose another, or 0 for a free one") from None
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise UserError(f"--host {host}: not an address of this machine") from None
        raise UserError(f"--host {host} --port {port}: {error.strerror}") from None


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sfr-eval", ""
    timeout = 30
    runs: Runs

    def do_GET(self) -> None:
        """Answer with the index, the live state, or a file."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer as GET does, without the content."""
        self._answer()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Stay silent: the terminal belongs to the user."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer an error in one line of text, also for methods and requests that are not known."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        body = f"{status.value} {explain or status.phrase}\n".encode()
        self.close_connection = True
        more = {"Allow": "GET, HEAD"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        self._head(status, "text/plain; charset=utf-8", len(body), _FILE_POLICY, **more)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer(self) -> None:
        if not self._is_for_us():
            self.send_error(HTTPStatus.FORBIDDEN, explain="this name is not served here")
            return
        path = urlsplit(self.path).path
        if path in ("/", "/index.html"):
            self._send(self.runs.page(), _TYPES[".html"], _INDEX_POLICY)
        elif path == LIVE:
            self._send(self.runs.live(), _TYPES[".json"], _FILE_POLICY)
        else:
            stream = open_below(self.runs.folder, unquote(path, errors="surrogateescape"))
            if stream is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            with stream:
                size = os.fstat(stream.fileno()).st_size
                kind = _TYPES.get(Path(path).suffix.lower(), _OTHER)
                self._head(HTTPStatus.OK, kind, size, _FILE_POLICY)
                if self.command != "HEAD":
                    self._copy(stream, size)

    def _copy(self, stream: IO[bytes], size: int) -> None:
        """Send what the head has promised, also of a file that grows or shrinks meanwhile."""
        left = size
        while left and (block := stream.read(min(left, shutil.COPY_BUFSIZE))):  # type: ignore[attr-defined]
            self.wfile.write(block)
            left -= len(block)
        if left:
            self.close_connection = True

    def _send(self, body: bytes, kind: str, policy: str) -> None:
        self._head(HTTPStatus.OK, kind, len(body), policy)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, size: int, policy: str, **more: str) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(size),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            **more,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _is_for_us(self) -> bool:
        """Whether the Host header is an address or a name of this machine, with our port."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1:
            return False
        try:
            named = urlsplit(f"//{hosts[0]}")
            name, port = named.hostname or "", named.port or 80
        except ValueError:
            return False
        assert isinstance(self.server, ThreadingHTTPServer)
        bound = self.server.server_name
        if port != self.server.server_port:
            return False
        if name == "localhost" or name == bound:
            return True
        if _is_loopback(bound):
            return _is_loopback(name)
        return _is_address(name) or name == socket.gethostname().lower()


def open_below(folder: Path, path: str) -> IO[bytes] | None:
    """Open a regular file below a folder; None if there is none, or if a part of the path is
    hidden, leads upwards or is a symbolic link. Nothing is followed, so nothing can be swapped
    between a check and its use."""
    parts = path.lstrip("/").split("/")
    if any(not part or part.startswith(".") or "\0" in part for part in parts):
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for part in parts[:-1]:
            deeper = os.open(part, flags | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = deeper
        file = os.open(parts[-1], flags, dir_fd=at)
    except (OSError, ValueError):
        return None
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return os.fdopen(file, "rb")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)
