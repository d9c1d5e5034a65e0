"""The one bridge between asynchronous Django and synchronous verbs.

Every API view is a coroutine. An action is an ordinary function: it runs in one hop, in one thread with one database
connection, authenticated, and, when it writes, in one transaction together with its Idempotency-Key. The order of
refusals is the contract's: 429, 405, 401, 403/404, 415, 400, 422, 412, 409 (docs/api/guide.md).
"""

from collections.abc import Callable
from functools import cache, update_wrapper
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework import serializers, viewsets

from core import errors, rendering, transactions
from core.api import conditional, idempotency, parsing, problems
from core.api.serializers import EmptyInput, StrictInput
from core.asgi import in_lane

SAFE = ("GET", "HEAD")
_TOKEN_PARAMETERS = ("token=", "access_token=")


def json_response(payload: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    content = payload if isinstance(payload, bytes) else rendering.dumps(payload)
    return HttpResponse(content, status=status, content_type="application/json", headers=headers)


class AsyncViewSet(viewsets.GenericViewSet[Any]):
    """Actions are ``def list/create/retrieve/update/partial_update/destroy(self, request, **kwargs)``."""

    pagination_class = None
    is_atomic = True  # False where a write must be committed although the request is refused

    @classmethod
    def as_view(cls, actions: Any = None, **initkwargs: Any) -> Any:
        inner: Any = super().as_view(actions, **initkwargs)

        async def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response: HttpResponse = await inner(request, *args, **kwargs)
            return response

        return update_wrapper(view, inner)

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        try:
            response = await self._answer(request, kwargs)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes a problem body
            response = problems.answer(error)
        return self._finish(request, response)

    async def _answer(self, request: HttpRequest, kwargs: dict[str, Any]) -> HttpResponse:
        method = (request.method or "").lower()
        if method == "options":
            return HttpResponse(status=204, headers={"Allow": ", ".join(self._allowed())})
        if method not in self.action_map:
            raise errors.MethodNotAllowed(self._allowed())
        self.action = self.action_map[method]
        return await in_lane(self._run, getattr(self, self.action), request, kwargs)

    def _run(self, action: Callable[..., HttpResponse], request: HttpRequest, kwargs: dict[str, Any]) -> HttpResponse:
        self.guard(request)
        self.authenticate(request)
        if request.method in SAFE or not self.is_atomic:
            return action(request, **kwargs)
        with transactions.whole():
            return self._once(action, request, kwargs)

    def _once(self, action: Callable[..., HttpResponse], request: HttpRequest, kwargs: dict[str, Any]) -> HttpResponse:
        key = idempotency.key_of(request) if request.method == "POST" else None
        caller = _caller(request)
        if key is None or caller is None:
            if connection.vendor == "sqlite":  # its transactions wait for each other where they begin
                _ask_again(request)
            return action(request, **kwargs)
        first = idempotency.begin(request, caller=caller, key=key)
        if first is not None:
            return first
        _ask_again(request)
        response = action(request, **kwargs)
        idempotency.finish(response, caller=caller, key=key)
        return response

    def guard(self, request: HttpRequest) -> None:
        """Raises TooManyRequests; for views whose door is counted."""

    def authenticate(self, request: HttpRequest) -> None:
        """Sets ``request.user`` and ``request.auth`` from the Authorization header. No header: anonymous."""
        if any(name in request.META.get("QUERY_STRING", "") for name in _TOKEN_PARAMETERS):
            raise errors.Unauthenticated("A token in the query string is not accepted; send the Authorization header.")
        request.user = AnonymousUser()
        for authenticator in self.get_authenticators():
            found = authenticator.authenticate(request)  # type: ignore[arg-type] # ours take Django's request
            if found is not None:
                request.user, request.auth = found  # type: ignore[attr-defined]
                return

    def input(self, request: HttpRequest, shape: type[StrictInput], *, partial: bool = False) -> dict[str, Any]:
        """The validated body. Call it after the right was checked, so that 403 and 404 come before 415, 400 and 422."""
        body = parsing.json_body(request)
        try:
            return dict(_kept(shape, partial).run_validation(body))
        except serializers.ValidationError as error:
            raise errors.Invalid(errors=field_errors(error.detail)) from error

    def no_input(self, request: HttpRequest) -> None:
        """For operations without a body. Whoever sends one all the same means something by it, and is told."""
        if request.body:
            self.input(request, EmptyInput)

    def _conditional(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Every read has a strong ETag: the entry's version where the action says so, otherwise a hash of the bytes."""
        if request.method not in SAFE or response.status_code != 200:
            return response
        if "ETag" not in response:
            response["ETag"] = conditional.etag_of(response.content)
        return conditional.not_modified(response) if conditional.is_unchanged(request, response["ETag"]) else response

    def _allowed(self) -> list[str]:
        names = [name.upper() for name in self.action_map]
        return [*names, *(["HEAD"] if "GET" in names and "HEAD" not in names else []), "OPTIONS"]

    def _finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if "HTTP_AUTHORIZATION" in request.META:
            response["Cache-Control"] = "private, no-store"
        elif "Cache-Control" not in response:
            response["Cache-Control"] = "no-store"
        response = self._conditional(request, response)
        patch_vary_headers(response, ["Authorization", "Origin", "Accept-Encoding"])
        return response


def _ask_again(request: HttpRequest) -> None:
    user: Any = request.user
    if user.pk is not None:
        user.ask_again()


@cache
def _kept(shape: type[StrictInput], partial: bool) -> StrictInput:
    """One for all requests: a new one copies its fields first, which takes longer than validating. It keeps no data."""
    return shape(partial=partial)


def _caller(request: HttpRequest) -> Any:
    """Whose Idempotency-Key it is. A machine's is its own: what its maker was answered is not for it to read."""
    return getattr(getattr(request, "auth", None), "pk", None) or request.user.pk


def field_errors(found: Any, path: str = "") -> list[errors.FieldError]:
    """Flattens DRF's nested errors: ``{"tags": {3: ["…"]}}`` becomes one error for the field ``tags.3``."""
    if isinstance(found, dict):
        return [one for name, below in found.items() for one in field_errors(below, _join(path, name))]
    if found and not all(hasattr(one, "code") for one in found):
        return [one for n, below in enumerate(found) if below for one in field_errors(below, _join(path, n))]
    return [errors.FieldError(path, one.code or "invalid", str(one)) for one in found]


def _join(path: str, name: object) -> str:
    if name == "non_field_errors":
        return path
    return f"{path}.{name}" if path else str(name)
