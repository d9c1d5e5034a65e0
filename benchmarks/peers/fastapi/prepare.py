"""Makes the tables and the one user. Run once for each database: ``python -m benchmarks.peers.fastapi.prepare``."""

import asyncio
import os

import bcrypt

from benchmarks.peers.fastapi.auth import BCRYPT_ROUNDS
from benchmarks.peers.fastapi.database import engine, writing
from benchmarks.peers.fastapi.models import Base, User


async def main() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    password = bcrypt.hashpw(os.environ["ADMIN_PASSWORD"].encode(), bcrypt.gensalt(BCRYPT_ROUNDS))
    admin = User(email=os.environ["ADMIN_EMAIL"], display_name="Administrator", role="admin", password=password)
    async with writing.begin() as session:
        session.add(admin)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
