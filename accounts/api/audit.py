"""The audit trail over REST, for those who may read it."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from accounts import audit_actions, audit_search, listing
from accounts.api import schema_audit as schema
from accounts.api.authentication import BearerOrKeyAuthentication, caller
from accounts.audit_search import Asked
from accounts.models import AuditEntry
from core import errors, ids, replicas
from core.api import pagination, parsing
from core.api.viewsets import AsyncViewSet, json_response

RIGHT = "accounts.view_auditentry"
MAX_OBJECT_ID = 64
FILTERS = ("action", "kind", "object_id", "actor", "address", "request_id", "api_key", "since", "until")

_REQUEST_ID = re.compile(r"[\w.-]{1,64}\Z", re.ASCII)
_USERNAME = re.compile(r"[\w.-]{1,150}\Z", re.ASCII)


class AuditViewSet(AsyncViewSet):
    authentication_classes = (BearerOrKeyAuthentication,)

    @schema.list_audit_entries
    def list(self, request: HttpRequest) -> HttpResponse:
        if not caller(request).has_perm(RIGHT):
            raise errors.Forbidden()
        params = parsing.query(request, (*FILTERS, "page", "per_page"))
        page = pagination.Page.from_query(params, default_per_page=listing.PER_PAGE)
        found, total = replicas.read(audit_search.rows, _asked(params), start=page.start, stop=page.stop)
        payload = pagination.envelope([audit_entry(row) for row in found], page, total)
        return json_response(payload, headers={"Link": pagination.link_header(request, page, total)})


def audit_entry(row: AuditEntry) -> dict[str, Any]:
    actor = {"id": row.actor_id, "username": row.actor_name}
    return {
        "id": row.pk,
        "at": row.at,
        "action": row.action,
        "actor": actor if row.actor_id else None,
        "api_key_id": row.api_key_id,
        "kind": row.kind,
        "object_id": row.object_id,
        "object_name": row.object_name,
        "changes": row.changes,
        "facts": row.facts,
        "address": row.address,
        "request_id": row.request_id,
        "position": row.position,
        "sealed": row.position is not None,
    }


def _asked(params: dict[str, str]) -> Asked:
    actor_id, actor_name = _actor(params)
    return Asked(
        action=_choice(params, "action", (*audit_actions.areas(), *audit_actions.actions())),
        kind=_choice(params, "kind", audit_actions.kinds()),
        object_id=_object_id(params),
        actor_id=actor_id,
        actor_name=actor_name,
        address=_address(params),
        request_id=_matching(params, "request_id", _REQUEST_ID, "1 to 64 letters, digits, `_`, `.` or `-`."),
        api_key_id=_id(params, "api_key"),
        since=parsing.moment_of(params, "since"),
        until=parsing.moment_of(params, "until"),
    )


def _actor(params: dict[str, str]) -> tuple[UUID | None, str]:
    """By id, or by the username that somebody had then."""
    found = ids.parse(params.get("actor", ""))
    return found, "" if found else _matching(params, "actor", _USERNAME, "The id of a user, or a username.")


def _choice(params: dict[str, str], name: str, known: Iterable[str]) -> str:
    return parsing.choice(params, name, among=known, default="") if name in params else ""


def _object_id(params: dict[str, str]) -> str:
    if "object_id" in params and not 0 < len(params["object_id"]) <= MAX_OBJECT_ID:
        raise errors.Invalid.field("object_id", "length", f"1 to {MAX_OBJECT_ID} characters.")
    return params.get("object_id", "")


def _matching(params: dict[str, str], name: str, pattern: re.Pattern[str], wanted: str) -> str:
    if name in params and not pattern.match(params[name]):
        raise errors.Invalid.field(name, "invalid", wanted)
    return params.get(name, "")


def _id(params: dict[str, str], name: str) -> UUID | None:
    found = ids.parse(params.get(name, ""))
    if name in params and found is None:
        raise errors.Invalid.field(name, "invalid", "An id.")
    return found


def _address(params: dict[str, str]) -> str:
    if "address" not in params:
        return ""
    try:
        return str(ipaddress.ip_address(params["address"]))
    except ValueError:
        raise errors.Invalid.field("address", "invalid", "An IP address.") from None
