"""What goes on beside requests: loops in threads of every server process, or of ``manage.py work`` alone.

A loop calls a function every so many seconds, and at once when it is woken. Loops share one thread unless they ask for
their own: each thread holds a database connection. Every process runs every loop, so a function has to bear company.
Nothing here is needed to answer a request; a round that crashes is logged, and the next one comes.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

logger = logging.getLogger(__name__)

AWAY_SECONDS = 15.0  # at most so long between two looks for a database that is away
CRASH_SECONDS = 60.0  # at most so long, unless it comes more rarely anyway, between two rounds that crash
FIRST_SECONDS = 60.0  # a loop that comes rarely has its first round within so long
SHARED = "background"


class Loop:
    """``due_at`` may be set from other threads, by ``wake``; everything else belongs to the loop's own thread."""

    def __init__(self, name: str, run: Callable[[], object], *, every: float, thread: str, pause: float = 0.0) -> None:
        self.name, self.thread = name, thread
        self._run, self._every, self._pause = run, every, pause
        self._began_at = 0.0
        self._failures = 0
        self._is_away = False
        self.due_at = 0.0

    def rest(self) -> None:
        """Until its first round, not at the same moment in all processes."""
        self.due_at = time.monotonic() + random.uniform(0, min(self._every, FIRST_SECONDS))  # noqa: S311 - no secret

    def go(self) -> None:
        """One round; never raises. The next one is fixed before it, so that a wake in its midst is not lost."""
        self._began_at = time.monotonic()
        self.due_at = self._began_at + self._every
        try:
            close_old_connections()
            self._well(again=self._run() is True)
        except DatabaseError as error:
            self._away(error)
        except Exception:
            logger.exception("A round of %s crashed", self.name)
            self._back_off(self._every, max(self._every, CRASH_SECONDS))
        finally:
            close_old_connections()

    def hurry(self) -> bool:
        """Due as soon as its pause allows. False: it is already."""
        soonest = self._began_at + self._pause
        is_news = soonest < self.due_at
        self.due_at = min(soonest, self.due_at)
        return is_news

    def _well(self, *, again: bool) -> None:
        if self._is_away:
            logger.info("%s goes on: the database is back", self.name)
        self._failures, self._is_away = 0, False
        if again:
            self.due_at = 0.0

    def _away(self, error: DatabaseError) -> None:
        """One line for an outage, not one for each try."""
        if not self._is_away:
            logger.warning("%s waits for the database: %s", self.name, _first_line(error))
        self._is_away = True
        self._back_off(1.0, AWAY_SECONDS)

    def _back_off(self, first: float, longest: float) -> None:
        self.due_at = time.monotonic() + min(longest, first * 2 ** min(self._failures, 16))
        self._failures += 1


class Thread(threading.Thread):
    """Runs its loops one after the other. A daemon: a process that has to end does not wait for it for ever."""

    def __init__(self, name: str, loops: list[Loop]) -> None:
        super().__init__(name=name, daemon=True)
        self._loops = loops
        self._changed = threading.Event()
        self.is_stopping = False

    def run(self) -> None:
        try:
            while not self.is_stopping:
                self._changed.clear()
                self._go_through()
                self._changed.wait(max(0.0, min(loop.due_at for loop in self._loops) - time.monotonic()))
        finally:
            connections.close_all()

    def _go_through(self) -> None:
        for loop in self._loops:
            if not self.is_stopping and loop.due_at <= time.monotonic():
                loop.go()

    def look(self) -> None:
        self._changed.set()

    def leave(self) -> None:
        self.is_stopping = True
        self.look()


_loops: dict[str, Loop] = {}
_threads: dict[str, Thread] = {}


def register(
    name: str, run: Callable[[], object], *, every: float, own_thread: bool = False, pause: float = 0.0
) -> None:
    """Calls ``run`` every so many seconds once ``start`` is called, and again at once where it returns True.

    Call it from ``AppConfig.ready``. ``own_thread`` is for what may take long: it holds up nobody else. ``pause``: so
    many seconds lie at least between two rounds for which it was woken, so that many wakes are one round.
    """
    _loops[name] = Loop(name, run, every=every, thread=name if own_thread else SHARED, pause=pause)


def start() -> None:
    """In a process that serves, after it was forked. Costs the start of the threads and no query."""
    for thread in dict.fromkeys(loop.thread for loop in _loops.values()):
        if thread not in _threads:
            _start(thread, [loop for loop in _loops.values() if loop.thread == thread])


def _start(name: str, loops: list[Loop]) -> None:
    for loop in loops:
        loop.rest()
    _threads[name] = Thread(name, loops)
    _threads[name].start()


def wake(name: str) -> None:
    """The loop goes at once, or after its pause, if this process runs it; others come by at their next round.

    For ``on_commit``.
    """
    loop = _loops.get(name)
    if loop is not None and loop.thread in _threads and loop.hurry():
        _threads[loop.thread].look()


def stop(within: float = 5.0) -> list[str]:
    """Ends the loops after their present round. Returns the threads that were still busy after so many seconds."""
    threads = list(_threads.values())
    _threads.clear()
    for thread in threads:
        thread.leave()
    end = time.monotonic() + within
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    busy = [thread.name for thread in threads if thread.is_alive()]
    if busy:
        logger.warning("Left behind in the midst of their work: %s", ", ".join(busy))
    return busy


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
