"""A small driver of Chromium over its DevTools pipe: NUL-ended JSON on two file descriptors.

No server, no port and no further package. Every console line, uncaught exception, refused load and
network request of a page is kept in `Page`.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

# Where screenshots and prints are left for a person to look at.
ARTEFACTS = Path(os.environ.get("TEST_ARTEFACTS") or Path(__file__).parents[2] / "artefacts")

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)
TIMEOUT = 120.0
# Chromium reads commands from descriptor 3 and writes to 4; both may be taken, so first far away.
_LAUNCH = (
    "import fcntl, os, sys; "
    "r, w = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]); "
    "os.dup2(r, 3); os.dup2(w, 4); os.close(r); os.close(w); os.execv(sys.argv[3], sys.argv[3:])"
)
_NAMED = "Backspace=8 Tab=9 Enter=13 Escape=27 Space=32 PageUp=33 PageDown=34 End=35 Home=36"
_ARROWS = "ArrowLeft=37 ArrowUp=38 ArrowRight=39 ArrowDown=40 Delete=46"
_KEYS = {k: int(v) for k, v in (one.split("=") for one in f"{_NAMED} {_ARROWS}".split())}
_MODIFIERS = {"": 0, "Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


class ChangedPage(Exception):
    """A command was sent to a document that had been left before it answered."""


class Chromium:
    """One headless Chromium for the session; `close` ends it and everything it started."""

    def __init__(self, profile: Path) -> None:
        executable = required()
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        command = [
            *(sys.executable, "-c", _LAUNCH, str(commands), str(answers), executable),
            *(*FLAGS, f"--user-data-dir={profile}", "about:blank"),
        ]
        self._process = subprocess.Popen(
            command,
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)
        os.set_blocking(self._read, False)
        self._buffer = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def send(
        self, method: str, parameters: Mapping[str, Any] | None = None, *, session: str = ""
    ) -> dict[str, Any]:
        """One command; its result, or AssertionError."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": dict(parameters or {})}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self._number:
                if "navigated" in answer.get("error", {}).get("message", ""):
                    raise ChangedPage(f"{method}: the page went elsewhere; use Page.follow")
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError("unreachable")

    def wait_for(self, session: str, method: str) -> None:
        """Until this event of a page has come."""
        for message in self._messages():
            if (message.get("sessionId"), message.get("method")) == (session, method):
                return

    def _messages(self) -> Iterator[dict[str, Any]]:
        until = time.monotonic() + TIMEOUT
        while True:
            while b"\0" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\0")
                message = json.loads(line)
                page = self._pages.get(message.get("sessionId", ""))
                if page is not None:
                    page.heard(message)
                yield message
            assert self._process.poll() is None, "chromium has ended"
            assert time.monotonic() < until, "chromium does not answer"
            try:
                self._buffer += os.read(self._read, 1 << 20)
            except BlockingIOError:
                select.select([self._read], [], [], 0.1)

    def page(self, context: str) -> "Page":
        """A new tab."""
        place = {"browserContextId": context}
        target = self.send("Target.createTarget", {"url": "about:blank", **place})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = Page(self, session["sessionId"], context)
        self._pages[page.session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        return page

    def close(self) -> None:
        """End the process."""
        self.send("Browser.close")
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._write)
        os.close(self._read)


class Browser:
    """What a person starts anew: no cookies, no storage, no permissions and no tabs of others."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        self._context: str = chromium.send("Target.createBrowserContext")["browserContextId"]

    def page(self) -> "Page":
        """A new tab."""
        return self._chromium.page(self._context)

    def close(self) -> None:
        """Close its tabs and forget what they stored."""
        self._chromium.send("Target.disposeBrowserContext", {"browserContextId": self._context})


class Page:
    """A tab, and all that it said and asked for."""

    def __init__(self, browser: Chromium, session: str, context: str) -> None:
        self._browser = browser
        self._context = context
        self.session = session
        self.troubles: list[str] = []  # console lines, exceptions, refused loads
        self.requests: list[str] = []  # what it asked of anybody, but data: addresses
        self.dialogs = 0

    def heard(self, message: Mapping[str, Any]) -> None:
        """Keep what an event says."""
        name, found = message.get("method"), message.get("params", {})
        if name == "Runtime.exceptionThrown":
            self.troubles.append(json.dumps(found["exceptionDetails"])[:500])
        elif name == "Runtime.consoleAPICalled":
            self.troubles.append(json.dumps(found["args"])[:500])
        elif name == "Log.entryAdded":
            self.troubles.append(found["entry"]["text"])
        elif name == "Network.requestWillBeSent":
            address = found["request"]["url"]
            if not address.startswith("data:"):
                self.requests.append(address)
        elif name == "Page.javascriptDialogOpening":
            self.dialogs += 1

    def send(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A command to this tab."""
        return self._browser.send(method, parameters, session=self.session)

    def open(self, address: str) -> float:
        """Go there; returns the seconds until its load event, with all its scripts run."""
        start = time.monotonic()
        self.run("window.left = true")
        self.send("Page.navigate", {"url": address})
        self._browser.wait_for(self.session, "Page.loadEventFired")
        self._loads()
        return time.monotonic() - start

    def follow(self, script: str) -> None:
        """Run what leaves this document, as the click on a link does, and wait for the next."""
        with contextlib.suppress(ChangedPage):
            self.run(f"window.left = true; {script}")
        self._loads()

    def _loads(self) -> None:
        # An event would not do: it may still be the last document's.
        until = time.monotonic() + TIMEOUT
        while True:
            try:
                if self.run("!window.left && document.readyState === 'complete'"):
                    return
            except ChangedPage:  # left between the question and its answer
                pass
            assert time.monotonic() < until, "the page does not load"
            time.sleep(0.002)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        question = {"expression": script, "returnByValue": True, "awaitPromise": True}
        # The page's policy holds here too, as it does for the page's own scripts.
        question["allowUnsafeEvalBlockedByCSP"] = False
        found = self.send("Runtime.evaluate", question)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + TIMEOUT
        while not self.run(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def set(self, select: str, value: str) -> None:
        """Choose or type a value, as a person would: the control hears of it."""
        self.run(
            f"(function () {{ var e = document.querySelector({json.dumps(select)});"
            f" e.value = {json.dumps(value)};"
            ' e.dispatchEvent(new Event(e.tagName === "INPUT" ? "input" : "change")); })()'
        )

    def press(self, key: str, *, times: int = 1, holding: str = "") -> None:
        """A real key stroke, to whatever has the focus; `holding` Shift, Control, Alt or Meta."""
        text = {"Enter": "\r", "Space": " "}.get(key, key if len(key) == 1 else "")
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                stroke: dict[str, Any] = {"type": kind, "key": " " if key == "Space" else key}
                stroke["windowsVirtualKeyCode"] = _KEYS.get(key, ord(key[0].upper()))
                stroke["modifiers"] = _MODIFIERS[holding]
                if text and kind == "keyDown" and holding in ("", "Shift"):
                    stroke["text"] = text
                self.send("Input.dispatchKeyEvent", stroke)

    def place(
        self, selector: str, *, across: float = 0.5, down: float = 0.5
    ) -> tuple[float, float]:
        """Scroll an element into the window; a point of it there, by default its middle, for
        `move`, `click`, `drag` and `tap`."""
        found = self.run(
            f"(function () {{ var e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({ block: 'center', behavior: 'instant' });"
            " var r = e.getBoundingClientRect();"
            f" return [r.left + r.width * {across}, r.top + r.height * {down}]; }})()"
        )
        return found[0], found[1]

    def _mouse(self, kind: str, place: tuple[float, float], **more: Any) -> None:
        x, y = place
        self.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})

    def move(self, place: tuple[float, float]) -> None:
        """The mouse goes to this point of the window."""
        self._mouse("mouseMoved", place)

    def click(self, place: tuple[float, float], *, times: int = 1, holding: str = "") -> None:
        """Click there; `times` 2 is a double click."""
        self.move(place)
        keys = {"button": "left", "modifiers": _MODIFIERS[holding]}
        for number in range(1, times + 1):
            self._mouse("mousePressed", place, buttons=1, clickCount=number, **keys)
            self._mouse("mouseReleased", place, buttons=0, clickCount=number, **keys)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, steps: int = 5) -> None:
        """Press the button at `start`, move to `end`, let go."""
        self.move(start)
        self._mouse("mousePressed", start, button="left", buttons=1, clickCount=1)
        for step in range(1, steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
            self._mouse("mouseMoved", (x, y), button="left", buttons=1)
        self._mouse("mouseReleased", end, button="left", buttons=0, clickCount=1)

    def tap(self, place: tuple[float, float]) -> None:
        """Touch the screen there and let go, as a finger does."""
        self.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        x, y = place
        self.send(
            "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
        )
        self.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def downloads(self, folder: Path) -> None:
        """From now on files that the page offers are saved in `folder`; see `downloaded`."""
        self._browser.send(
            "Browser.setDownloadBehavior",
            {
                "behavior": "allow",
                "downloadPath": str(folder),
                "browserContextId": self._context,
            },
        )

    def downloaded(self, file: Path) -> bytes:
        """The content of a download, once it is there.

        Chromium reserves the name with an empty file and moves the whole one there.
        """
        until = time.monotonic() + TIMEOUT
        while not file.exists() or not file.stat().st_size:
            assert time.monotonic() < until, f"{file.name} was not downloaded"
            time.sleep(0.01)
        return file.read_bytes()

    def clipboard(self) -> str:
        """The text that was copied last."""
        self._browser.send(
            "Browser.grantPermissions",
            {
                "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
                "browserContextId": self._context,
            },
        )
        self.send("Emulation.setFocusEmulationEnabled", {"enabled": True})
        found: str = self.run("navigator.clipboard.readText()")
        return found

    def print(self, *, on: bool = True) -> None:
        """Show the page as on paper, until `print(on=False)` or `look`."""
        self.send("Emulation.setEmulatedMedia", {"media": "print" if on else ""})

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Size of the window, and what the system prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        found = self.send("Page.captureScreenshot", {"captureBeyondViewport": whole})
        file.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        """Close the tab."""
        self.send("Page.close")

    def pdf(self, file: Path) -> None:
        """What a printer would get, on A4."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False}
        file.write_bytes(base64.b64decode(self.send("Page.printToPDF", paper)["data"]))


def required() -> str:
    """The path of chromium. Without one a test is skipped, but fails where it could have been
    installed: under CI as root (`scripts/system-packages.sh test`)."""
    if EXECUTABLE is None:
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail("no chromium; run scripts/system-packages.sh test")
        pytest.skip("no chromium here; as root: scripts/system-packages.sh test")
    return EXECUTABLE
