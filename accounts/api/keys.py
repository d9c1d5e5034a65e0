"""API keys over REST: making one, looking at them, revoking one."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import keys, listing
from accounts.api import schema_keys as schema
from accounts.api.authentication import BearerOrKeyAuthentication, caller
from accounts.api.serializers_keys import ApiKeyInput, api_key_detail
from accounts.models import ApiKey, User
from core import errors, ids
from core.api import pagination, parsing
from core.api.viewsets import AsyncViewSet, json_response


class ApiKeyViewSet(AsyncViewSet):
    authentication_classes = (BearerOrKeyAuthentication,)
    is_atomic = False  # so no Idempotency-Key: the remembered answer would hold the whole key. Verbs are transactions.

    @schema.list_api_keys
    def list(self, request: HttpRequest) -> HttpResponse:
        by = caller(request)
        keys.require_view(by, of=by.pk)
        params = parsing.query(request, ("user", "all", "page", "per_page"))
        page = pagination.Page.from_query(params, default_per_page=listing.PER_PAGE)
        rows, owner = keys.visible(by), _whose(params, by)
        keys.require_view(by, of=owner)
        if owner is not None:
            rows = rows.filter(user=owner)
        total = rows.count()
        found = rows[page.start : page.stop] if page.start < total else []
        payload = pagination.envelope([api_key_detail(key) for key in found], page, total)
        return json_response(payload, headers={"Link": pagination.link_header(request, page, total)})

    @schema.get_api_key
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        key = self._found(request, id)
        parsing.query(request, ())
        return json_response(api_key_detail(key))

    @schema.create_api_key
    def create(self, request: HttpRequest) -> HttpResponse:
        by = caller(request)
        keys.require_make(by)
        data = self.input(request, ApiKeyInput)
        parsing.query(request, ())
        key, raw = keys.make(
            by, name=data["name"], scopes=data["scopes"], expires_at=data.get("expires_at"), now=timezone.now()
        )
        location = f"{request.path.rstrip('/')}/{key.pk}"
        return json_response({**api_key_detail(key), "key": raw}, status=201, headers={"Location": location})

    @schema.delete_api_key
    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        key = self._found(request, id)
        parsing.query(request, ())
        keys.revoke(key, by=caller(request), now=timezone.now())
        return HttpResponse(status=204)

    def _found(self, request: HttpRequest, key_id: str) -> ApiKey:
        by = caller(request)
        keys.require_view(by, of=by.pk)
        found = ids.parse(key_id)
        key = keys.visible(by).filter(pk=found).first() if found else None
        if key is None:
            raise errors.NotFound()
        return key


def _whose(params: dict[str, str], by: User) -> UUID | None:
    """The id of one user, one's own unless it is said; None: everybody's."""
    if parsing.flag(params, "all"):
        if "user" in params:
            raise errors.Invalid.field("user", "conflicts_with_all", "Either one user's, or everybody's.")
        return None
    if "user" not in params:
        return by.pk
    user_id = ids.parse(params["user"])
    if user_id is None:
        raise errors.Invalid.field("user", "invalid", "The id of a user.")
    return user_id
