"""What every answer of the contract carries: validators, cache headers, links, problem bodies, a request id."""

import hashlib
import re
import secrets
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PUBLIC = "public, max-age=0, s-maxage=60, stale-while-revalidate=300"
VARY = "Authorization, Origin, Accept-Encoding"
CODES = {401: "not_authenticated", 404: "not_found", 405: "method_not_allowed", 422: "validation_error"}

_REQUEST_ID = re.compile(r"[\w.-]{1,64}")
_SECURITY = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), "
    "serial=(), usb=()",
}
_SECURITY_RAW = [(name.encode(), value.encode()) for name, value in _SECURITY.items()]


def public(model: BaseModel, if_none_match: str | None, *, keys: str, link: str | None = None) -> Response:
    """The bytes are needed for the ETag, so they are made here, once, by Pydantic, and sent as they are."""
    content = model.__pydantic_serializer__.to_json(model)
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"cache-control": PUBLIC, "surrogate-key": keys, "cache-tag": keys, "etag": etag, "vary": VARY}
    if link is not None:
        headers["link"] = link
    if if_none_match is not None and (if_none_match == "*" or etag in if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


IfNoneMatch = Annotated[str | None, Header()]


class EveryAnswer:
    """A request id and the security headers; plain ASGI, which is the cheap kind of middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        added = [*_SECURITY_RAW, (b"x-request-id", request_id.encode())]

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self.app(scope, receive, send_more)


def _problem(
    request: Request,
    status: int,
    title: str,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    code = CODES.get(status, "error")
    body = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": title,
        "code": code,
        "errors": errors or [],
        "request_id": getattr(request.state, "request_id", ""),
    }
    response = JSONResponse(body, status, headers, media_type="application/problem+json")
    MutableHeaders(raw=response.raw_headers)["cache-control"] = "no-store"
    return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException | HTTPException)
    return _problem(request, error.status_code, str(error.detail), headers=dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": ".".join(map(str, one["loc"][1:])), "code": one["type"], "detail": one["msg"]}
        for one in error.errors()
    ]
    return _problem(request, 422, "The content is invalid", errors)


def install(app: FastAPI) -> None:
    app.add_middleware(EveryAnswer)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
