"""Starting, finding and measuring the processes of a test. Reads /proc, so it wants Linux."""

import os
import random
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired

HOST = "127.0.0.1"
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
BASE = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Not one of those that the kernel gives to outgoing connections: one might have it before the server does."""
    first = int(OUTGOING.read_text().split()[0]) if OUTGOING.exists() else 32_768
    while True:
        port = random.randrange(10_000, first) if first > 11_000 else 0
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            found: int = probe.getsockname()[1]
            return found


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str) -> float:
    """How long it took. Fails, with the sentence, when it does not come to pass."""
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"After {seconds} s still not: {what}")
        time.sleep(0.02)
    return time.monotonic() - started


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def children_of(pid: int) -> list[int]:
    """The living children of a process, oldest first."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return sorted(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return []


def memory_of(pid: int) -> float:
    """What the process holds in memory, in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def send(signal_number: signal.Signals, *pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal_number)


def end(process: Popen[bytes], *, seconds: float = 10) -> None:
    """Politely, then not; leaves nothing behind."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except TimeoutExpired:
            process.kill()
            process.wait(5)
