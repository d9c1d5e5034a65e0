"""The measured part of the contract (docs/api/guide.md), written on FastAPI, SQLAlchemy 2, asyncpg and Pydantic 2."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, HTTPException, Response
from sqlalchemy import select

from benchmarks.peers.fastapi import answers, auth, posts, schemas
from benchmarks.peers.fastapi.database import Reading, engine
from benchmarks.peers.fastapi.models import Settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


api = APIRouter(prefix="/api/v1")
api.include_router(posts.router)
api.include_router(auth.router)

SETTINGS = select(*(getattr(Settings, name) for name in schemas.SiteSettings.model_fields))


@api.get("/settings", response_model=schemas.SiteSettings)
async def read_settings(session: Reading, if_none_match: answers.IfNoneMatch = None) -> Response:
    row = (await session.execute(SETTINGS)).one_or_none()
    if row is None:
        raise HTTPException(404, "Nothing is found here")
    return answers.public(schemas.SiteSettings.model_validate(row), if_none_match, keys="settings")


app = FastAPI(lifespan=lifespan)
app.include_router(api)
answers.install(app)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}
