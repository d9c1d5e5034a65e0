"""A Redis of a test's own."""

import shutil
import tempfile
from subprocess import DEVNULL, Popen

from tests.faults.processes import HOST, accepts, end, free_port, wait_until


class RedisServer:
    def __init__(self) -> None:
        found = shutil.which("redis-server")
        if found is None:
            raise RuntimeError("redis-server is not installed: its faults cannot be shown without it.")
        self._program = found
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self._folder = tempfile.mkdtemp(prefix="stitch-redis-")
        self._process: Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", HOST, "--dir", self._folder, "--save", "", "--appendonly", "no"]
        self._process = Popen([self._program, *options], stdout=DEVNULL, stderr=DEVNULL)
        wait_until(lambda: accepts(self.port), seconds=10, what="Redis answers")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(5)

    def destroy(self) -> None:
        if self._process is not None:
            end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)
