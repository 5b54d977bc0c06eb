"""Upload through huggingface_hub's real client to a server on this machine that keeps what came."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


class Hub(ThreadingHTTPServer):
    """Takes repositories and commits; keeps the files of the last commit."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.made: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.refuse = False


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuse:
            self._answer({"error": "no such token"}, code=401)
        elif self.path == "/api/repos/create":
            self.server.made.append(json.loads(body))
            self._answer({"url": "http://127.0.0.1/datasets/me/runs"})
        elif "/preupload/" in self.path:
            how = {"uploadMode": "regular", "shouldIgnore": False}
            files = [{"path": file["path"], **how} for file in json.loads(body)["files"]]
            self._answer({"files": files})
        elif "/commit/" in self.path:
            for line in body.decode().splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    value = entry["value"]
                    self.server.files[value["path"]] = base64.b64decode(value["content"])
            address = f"http://127.0.0.1:{self.server.server_port}/datasets/me/runs/commit/1"
            self._answer({"commitUrl": address, "commitOid": "1"})
        else:
            self._answer({}, code=404)

    def do_GET(self) -> None:
        self._answer({"sha": "1", "siblings": [], "id": "me/runs"})

    def _answer(self, content: Any, *, code: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def upload(run: Path, hub: Hub, *more: str, offline: bool = False) -> Any:
    environment = {
        **os.environ,
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_TOKEN": "hf_test",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": os.pathsep.join([".", "train"]),
    }
    verb = ["export", str(run), "--format", "hub", "--repo", "me/runs", *more]
    return subprocess.run(
        [sys.executable, "-m", "sfr_eval", *verb],
        cwd=Path(__file__).parents[3],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_is_uploaded_whole(run: Path, hub: Hub) -> None:
    done = upload(run, hub)
    assert done.returncode == 0, done.stderr
    assert hub.made[0]["type"] == "dataset"
    assert hub.made[0]["visibility"] == "private"
    name = run.name
    assert hub.files[f"{name}/results.json"] == (run / "results.json").read_bytes()
    assert hub.files[f"{name}/samples.parquet"] == (run / "samples.parquet").read_bytes()
    assert not [path for path in hub.files if "samples/" in path or ".lock" in path]
    assert done.stdout.strip().endswith("/datasets/me/runs/commit/1")


def test_without_artifacts_no_reply_leaves_the_machine(run: Path, hub: Hub) -> None:
    assert upload(run, hub, "--no-artifacts").returncode == 0
    assert list(hub.files) == [f"{run.name}/results.json"]


def test_refusals_and_offline_are_one_line(run: Path, hub: Hub) -> None:
    done = upload(run, hub, offline=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "HF_HUB_OFFLINE is set" in done.stderr
    hub.refuse = True
    done = upload(run, hub)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert "not uploaded" in done.stderr
    assert hub.files == {}
