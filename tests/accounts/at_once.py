"""Doing one thing several times at the same moment, each in a thread with a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection


def at_once[T](times: int, action: Callable[[], T]) -> list[T]:
    start = Barrier(times)

    def one() -> T:
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as threads:
        return [future.result(timeout=30) for future in [threads.submit(one) for _ in range(times)]]
