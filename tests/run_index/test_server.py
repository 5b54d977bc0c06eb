"""`view`: serves what is below a folder, to this machine, read only."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.run_index.server import make_server, open_below, serve
from sfr_eval.store.manifest import Manifest
from sfr_eval.util.lock import Owner
from tests.support.index_data import GONE, change, copy_run, owned_by


@pytest.fixture
def folder(source: Path, tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    run = copy_run(source, root / "sft" / "step-4")
    (run / "plots").mkdir()
    (run / "plots" / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (run / ".lock").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def server(folder: Path) -> Iterator[ThreadingHTTPServer]:
    opened = make_server(folder, host="127.0.0.1", port=0)
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield opened
    opened.shutdown()
    thread.join()
    opened.server_close()


def ask(
    server: ThreadingHTTPServer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{server.server_port}" if host is None else host)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_the_root_is_the_index_of_this_moment(
    server: ThreadingHTTPServer, folder: Path, source: Path
) -> None:
    status, headers, body = ask(server, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b'href="sft/step-4/report.html"' in body
    assert b"connect-src 'self'" in body
    copy_run(source, folder / "new")
    assert b'href="new/report.html"' in ask(server, "/?x=1")[2]
    assert not (folder / "index.html").exists()  # nothing is written


def test_files_have_their_types_and_a_sandbox(server: ThreadingHTTPServer) -> None:
    for path, kind in {
        "/sft/step-4/report.html": "text/html; charset=utf-8",
        "/sft/step-4/results.json": "application/json",
        "/sft/step-4/plots/a.svg": "image/svg+xml",
    }.items():
        status, headers, body = ask(server, path)
        assert (status, headers["content-type"]) == (200, kind)
        assert headers["content-length"] == str(len(body))
        assert "sandbox allow-scripts" in headers["content-security-policy"]
        assert "allow-same-origin" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/sft/../../outside.txt",
        "/sft/..%2f..%2foutside.txt",
        "//etc/passwd",
        "/link.txt",
        "/out/outside.txt",
        "/sft/step-4/.lock",
        "/sft",
        "/sft/",
        "/sft/step-4/report.html/",
        "/pipe",
        "/nothing.html",
        "/a%00b",
        "/%ff",
        "/" + "a" * 5000,
    ],
)
def test_nothing_else_is_served(server: ThreadingHTTPServer, path: str) -> None:
    status, _, body = ask(server, path)
    assert status == 404
    assert b"secret" not in body


def test_head_answers_without_content(server: ThreadingHTTPServer) -> None:
    for path in ("/", "/sft/step-4/report.html", "/nothing", "/.live.json"):
        whole, head = ask(server, path), ask(server, path, method="HEAD")
        assert head[2] == b""
        assert (head[0], head[1]["content-length"]) == (whole[0], whole[1]["content-length"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "MAKE"])
def test_other_methods_are_refused(server: ThreadingHTTPServer, method: str) -> None:
    status, headers, _ = ask(server, "/sft/step-4/report.html", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_only_names_of_this_machine_are_answered(server: ThreadingHTTPServer) -> None:
    port = server.server_port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert ask(server, "/", host=host)[0] == 200, host
    wrong = (
        f"evil.example:{port}",
        "127.0.0.1",
        f"127.0.0.1.evil.example:{port}",
        "",
        ":",
        "a b:c",
    )
    for host in (*wrong, f"localhost:{port + 1}", f"10.0.0.1:{port}", f"x@localhost.evil:{port}"):
        for path in ("/", "/.live.json", "/sft/step-4/report.html"):
            assert ask(server, path, host=host)[0] == 403, host


def test_progress_of_a_growing_folder_is_told(
    server: ThreadingHTTPServer, folder: Path, source: Path
) -> None:
    run = copy_run(source, folder / "grows")
    (run / "results.json").rename(folder / "kept.json")
    change(run, status="running", samples=None)
    owned_by(run, Owner.of_this_process())
    (run / "samples").mkdir()
    seen = []
    first = json.loads(ask(server, "/.live.json")[2])
    for _ in range(3):
        with (run / "samples" / "0001.jsonl").open("a") as stream:
            stream.write("{}\n" * 50)
        found = json.loads(ask(server, "/.live.json")[2])
        assert found["stamp"] == first["stamp"]
        (row,) = found["running"]
        assert (row["place"], row["status"], row["planned"]) == ("grows", "running", 216)
        seen.append(row["done"])
    assert seen == [50, 100, 150]
    owned_by(run, GONE)
    change(run, status="complete", samples=216)
    (folder / "kept.json").rename(run / "results.json")
    done = json.loads(ask(server, "/.live.json")[2])
    assert done["running"] == []
    assert done["stamp"] != first["stamp"]


def test_many_readers_at_once_get_the_same(server: ThreadingHTTPServer) -> None:
    bodies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(ask(server, "/")[2])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) == 8
    assert len(set(bodies)) == 1


def test_a_part_swapped_for_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    assert open_below(folder, "/sft/step-4/report.html") is not None
    (folder / "sft").rename(folder / "old")
    (folder / "sft").symlink_to(folder / "old")
    assert open_below(folder, "/sft/step-4/report.html") is None


def test_a_port_in_use_is_one_line(server: ThreadingHTTPServer, folder: Path) -> None:
    with pytest.raises(UserError, match=f"--port {server.server_port}: in use"):
        serve(folder, host="127.0.0.1", port=server.server_port)


def test_a_host_that_is_not_ours_is_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"--host 203\.0\.113\.7: not an address of this machine"):
        serve(folder, host="203.0.113.7", port=0)
    with pytest.raises(UserError, match="no such folder"):
        serve(folder / "nothing", host="127.0.0.1", port=0)


def test_another_host_is_served_with_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(opened: ThreadingHTTPServer) -> None:
        threading.Thread(target=opened.shutdown).start()

    serve(folder, host="127.0.0.1", port=0, ready=stop)
    out, err = capsys.readouterr()
    assert out.startswith(f"{folder}: http://127.0.0.1:")
    assert err == ""
    serve(folder, host="0.0.0.0", port=0, ready=stop)
    assert "warning: --host 0.0.0.0: whoever reaches this machine" in capsys.readouterr().err


def test_ctrl_c_ends_it_quietly(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sfr_eval", "view", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    port = int(line.rpartition("/ (")[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        time.sleep(0.1)  # an open connection keeps nobody waiting
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_manifest_is_never_changed(server: ThreadingHTTPServer, folder: Path) -> None:
    before = Manifest.load(folder / "sft" / "step-4")
    ask(server, "/")
    assert Manifest.load(folder / "sft" / "step-4") == before
    assert {path.name for path in folder.iterdir()} == {"sft", "link.txt", "out", "pipe"}
