"""One's own sessions over HTTP. API keys do not reach them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import listing, sessions
from accounts.api import schema_accounts as schema
from accounts.api import serializers_accounts as shapes
from accounts.api.authentication import BearerAuthentication, caller
from core import ids
from core.api import pagination, parsing
from core.api.viewsets import AsyncViewSet, json_response


def present_session(request: Any) -> UUID:
    """The family of the access token, from its claims."""
    return UUID(request.auth["fam"])


class SessionsViewSet(AsyncViewSet):
    authentication_classes = (BearerAuthentication,)

    @schema.list_sessions
    def list(self, request: HttpRequest) -> HttpResponse:
        rows = sessions.alive(caller(request), now=timezone.now())
        params = parsing.query(request, ("page", "per_page"))
        page = pagination.Page.from_query(params, default_per_page=listing.PER_PAGE)
        total, present = rows.count(), present_session(request)
        items = [shapes.session_detail(row, present=present) for row in rows[page.start : page.stop]]
        headers = {"Link": pagination.link_header(request, page, total)}
        return json_response(pagination.envelope(items, page, total), headers=headers)

    @schema.end_session
    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        user = caller(request)
        parsing.query(request, ())
        sessions.end(user, ids.parse(id), now=timezone.now())
        return HttpResponse(status=204)


class LogoutAllViewSet(AsyncViewSet):
    authentication_classes = (BearerAuthentication,)
    is_atomic = False  # the verb is; an Idempotency-Key has no sense, for the second time there is no session

    @schema.logout_all
    def create(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        self.no_input(request)
        parsing.query(request, ())
        sessions.end_all(user, now=timezone.now())
        return HttpResponse(status=204)
