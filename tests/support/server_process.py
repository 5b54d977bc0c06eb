"""An OpenAI-compatible server that can be killed and started again at its old address."""

import subprocess
import sys
from pathlib import Path

SERVER = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
from tests.support.fake_server import FakeServer, completion
def answer(body, headers):
    return completion(json.dumps({"score": 1 + len(body["messages"][-1]["content"]) % 5}))
server = FakeServer(answer, keep=False)
server.port, server.delay = int(sys.argv[1]), 0.1
server.start()
print(server.port, flush=True)
time.sleep(100_000)
"""


class ServerProcess:
    """Answers as a judge would, with a score that depends on the length of the last message."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        root = str(Path(__file__).parents[2])
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.port), root],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    @property
    def url(self) -> str:
        """For --base-url; its model is `fake`."""
        return f"http://127.0.0.1:{self.port}/v1"
