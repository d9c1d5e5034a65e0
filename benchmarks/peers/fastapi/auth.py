"""Login with bcrypt and JWT; who is asking, in one query for login and user together."""

import os
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import bcrypt
import jwt
from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select, update

from benchmarks.peers.fastapi import schemas
from benchmarks.peers.fastapi.database import Writing
from benchmarks.peers.fastapi.models import AuditEntry, Login, User, now

SECRET = os.environ.get("SECRET_KEY", "")
ACCESS = timedelta(seconds=int(os.environ.get("ACCESS_TOKEN_SECONDS", "900")))
REFRESH = timedelta(days=7)
BCRYPT_ROUNDS = 12  # the product's
NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(BCRYPT_ROUNDS))  # so that an unknown address takes as long

router = APIRouter(prefix="/auth")
bearer = HTTPBearer()


def token(user: User, login: UUID, kind: str, lifetime: timedelta, jti: str) -> str:
    issued = now()
    claims = {"sub": str(user.id), "role": user.role, "fam": str(login), "token_type": kind, "jti": jti}
    times = {"iat": issued, "exp": issued + lifetime, "aud": "cms-api", "iss": "peer"}
    return jwt.encode({**claims, **times}, SECRET, algorithm="HS256", headers={"kid": "default"})


async def current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], session: Writing) -> User:
    claims = _claims(credentials.credentials)
    found = select(User).join(Login).where(Login.id == UUID(claims["fam"]), Login.revoked_at.is_(None))
    user = (await session.execute(found)).scalar_one_or_none()
    if user is None or not user.is_active or str(user.id) != claims["sub"]:
        raise _unauthenticated()
    return user


CurrentUser = Annotated[User, Depends(current_user)]


@router.post("/login")
async def login(credentials: schemas.Credentials, session: Writing, response: Response) -> schemas.Tokens:
    found = select(User).where(User.email == credentials.email)
    user = (await session.execute(found)).scalar_one_or_none()
    await session.commit()  # gives the connection back while bcrypt works
    stored = user.password if user is not None else NOBODY
    is_right = await run_in_threadpool(bcrypt.checkpw, credentials.password.encode(), stored)
    if user is None or not user.is_active or not is_right:
        raise _unauthenticated()
    login, jti = Login(user_id=user.id, next_refresh=uuid4().hex, expires_at=now() + REFRESH), uuid4().hex
    await session.execute(update(User).where(User.id == user.id).values(last_login=now()))
    session.add(login)
    await session.flush()
    entry = AuditEntry(action="auth.login", actor_id=user.id, actor_name=user.display_name, facts={})
    entry.object_id, entry.object_name = str(login.id), user.display_name
    session.add(entry)
    await session.commit()
    response.headers["Cache-Control"] = "private, no-store"
    return schemas.Tokens(
        access_token=token(user, login.id, "access", ACCESS, jti),
        refresh_token=token(user, login.id, "refresh", REFRESH, login.next_refresh),
        expires_in=int(ACCESS.total_seconds()),
        user=schemas.UserOut.model_validate(user),
    )


def _claims(raw: str) -> dict[str, Any]:
    try:
        return jwt.decode(raw, SECRET, algorithms=["HS256"], audience="cms-api", issuer="peer")
    except jwt.PyJWTError:
        raise _unauthenticated() from None


def _unauthenticated() -> HTTPException:
    return HTTPException(401, "Who are you?", headers={"WWW-Authenticate": "Bearer"})
