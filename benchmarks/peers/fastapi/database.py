"""The engine, and what requests get of it: reading in autocommit, which saves BEGIN and ROLLBACK, or writing.

READ_THROUGH=connection reads through a connection of SQLAlchemy's Core in the place of a session: less is tracked, and
less is done. Sessions are what the documentation shows beside FastAPI.
"""

import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

POOL_SIZE = 32  # as many as clients here: a pool that is waited for lets some of them starve
BY_CONNECTION = os.environ.get("READ_THROUGH") == "connection"


def async_url() -> URL:
    return make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")


engine = create_async_engine(async_url(), pool_size=POOL_SIZE, max_overflow=0)
_read_engine = engine.execution_options(isolation_level="AUTOCOMMIT")
_reading = async_sessionmaker(_read_engine, expire_on_commit=False)
writing = async_sessionmaker(engine, expire_on_commit=False)


async def read_session() -> AsyncIterator[AsyncSession | AsyncConnection]:
    async with _read_engine.connect() if BY_CONNECTION else _reading() as session:
        yield session


async def write_session() -> AsyncIterator[AsyncSession]:
    async with writing() as session:
        yield session


Reading = Annotated[AsyncSession | AsyncConnection, Depends(read_session)]
Writing = Annotated[AsyncSession, Depends(write_session)]
