"""What the server's own processes do beside requests, in a process of its own: for BACKGROUND=0, or for more hands."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from core import background

GRACEFUL_SECONDS = 25.0  # for a job under way; container runtimes usually kill after thirty


class Command(BaseCommand):
    help = "Runs jobs (mail and the like) and whatever else goes on beside requests, until SIGTERM or Ctrl+C."

    def handle(self, *args: Any, **options: Any) -> None:
        told = threading.Event()
        before = {one: signal.signal(one, lambda *_: told.set()) for one in (signal.SIGTERM, signal.SIGINT)}
        background.start()
        self.stdout.write("At work. Ctrl+C or SIGTERM ends it after the present job.")
        self.stdout.flush()
        try:
            told.wait()
        finally:
            background.stop(GRACEFUL_SECONDS)
            for one, handler in before.items():
                signal.signal(one, handler)
