"""The shared connections of the event loop (``core.postgresql.asynchronous.Pool``), on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from core.postgresql import asynchronous
from core.postgresql.asynchronous import Away, Pool

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("committed")]

Scene = Callable[[Pool], Awaitable[Any]]


def run(scene: Scene, *, size: int = 2, patience: float = 5.0) -> Any:
    async def play() -> Any:
        pool = Pool(size, patience=patience)
        try:
            async with asyncio.timeout(20):
                return await scene(pool)
        finally:
            await pool.close()

    return asyncio.run(play())


def test_no_more_connections_are_made_than_it_may_have() -> None:
    async def scene(pool: Pool) -> Any:
        asked = [pool.ask("SELECT %(n)s::int, pg_backend_pid(), pg_sleep(0.02)", {"n": n}) for n in range(12)]
        rows = [row for [row] in await asyncio.gather(*asked)]
        return [row[0] for row in rows], len({row[1] for row in rows})

    assert run(scene) == (list(range(12)), 2)


def test_one_connection_is_enough_for_questions_that_follow_each_other() -> None:
    async def scene(pool: Pool) -> Any:
        return {(await pool.ask("SELECT pg_backend_pid()", {}))[0][0] for _ in range(5)}

    assert len(run(scene)) == 1


def test_a_connection_that_was_cut_fails_once_and_is_replaced() -> None:
    async def scene(pool: Pool) -> Any:
        [(first,)] = await pool.ask("SELECT pg_backend_pid()", {})
        other = Pool(1, patience=5.0)
        await other.ask("SELECT pg_terminate_backend(%(pid)s, 1000)", {"pid": first})
        await other.close()
        with pytest.raises(psycopg.OperationalError):
            await pool.ask("SELECT 1", {})
        [(second,)] = await pool.ask("SELECT pg_backend_pid()", {})
        return first != second

    assert run(scene, size=1)


def test_a_silent_server_is_given_up_and_its_connection_with_it() -> None:
    async def scene(pool: Pool) -> Any:
        with pytest.raises(psycopg.OperationalError):
            await pool.ask("SELECT pg_sleep(5)", {})
        return await pool.ask("SELECT 1", {})

    assert run(scene, size=1, patience=0.2) == [(1,)]


def test_an_error_leaves_the_connection_to_the_next() -> None:
    async def scene(pool: Pool) -> Any:
        [(first,)] = await pool.ask("SELECT pg_backend_pid()", {})
        with pytest.raises(psycopg.errors.DivisionByZero):
            await pool.ask("SELECT 1 / 0", {})
        return await pool.ask("SELECT pg_backend_pid() = %(pid)s", {"pid": first})

    assert run(scene, size=1) == [(True,)]


def test_who_waits_too_long_for_a_connection_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "WAIT_SECONDS", 0.1)

    async def scene(pool: Pool) -> Any:
        await pool.ask("SELECT 1", {})
        slow = asyncio.create_task(pool.ask("SELECT pg_sleep(0.5)", {}))
        await asyncio.sleep(0.05)
        with pytest.raises(Away):
            await pool.ask("SELECT 1", {})
        await slow
        return await pool.ask("SELECT 2", {})

    assert run(scene, size=1) == [(2,)]


def test_who_leaves_while_waiting_takes_no_connection_along() -> None:
    async def scene(pool: Pool) -> Any:
        slow = asyncio.create_task(pool.ask("SELECT pg_sleep(0.2)", {}))
        await asyncio.sleep(0.05)
        leaving = [asyncio.create_task(pool.ask("SELECT 1", {})) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in leaving:
            task.cancel()
        await slow
        return await pool.ask("SELECT 2", {})

    assert run(scene, size=1) == [(2,)]


def test_without_postgresql_nobody_waits_and_it_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "AWAY_SECONDS", 0.2)
    real, tries = asynchronous.parameters, []

    def nowhere(**options: Any) -> dict[str, Any]:
        tries.append(1)
        return {**real(**options), "host": "127.0.0.1", "port": 1}

    async def scene(pool: Pool) -> Any:
        monkeypatch.setattr(asynchronous, "parameters", nowhere)
        for _ in range(3):
            with pytest.raises(Away):
                await pool.ask("SELECT 1", {})
        monkeypatch.setattr(asynchronous, "parameters", real)
        await asyncio.sleep(0.25)
        return await pool.ask("SELECT 1", {}), len(tries)

    assert run(scene) == ([(1,)], 1)
