"""``python -m tests.delivery.edge.holder``: a process that holds a lease on DATABASE_URL until it is asked to stop.

Prints ``current`` or ``not current`` when that changes, and the keys that it has ended, a line for each change.
"""

import asyncio
import os
import signal
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")


def say(text: str) -> None:
    print(text, flush=True)


async def hold() -> None:
    from delivery.hearing.lease import Lease

    lease, stopped, was_current = Lease(lambda keys: say(" ".join(keys))), asyncio.Event(), False
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    lease.start()
    while not stopped.is_set():
        is_current = lease.is_current(time.monotonic())
        if is_current is not was_current:
            say("current" if is_current else "not current")
        was_current = is_current
        await asyncio.sleep(0.005)
    await lease.stop()


if __name__ == "__main__":
    django.setup()
    asyncio.run(hold())
