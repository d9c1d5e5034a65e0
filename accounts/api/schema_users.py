"""What the OpenAPI document says about users, roles and rights."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from accounts import listing, roles
from accounts.activation import CannotDeactivateYourself
from accounts.administrators import LastAdministrator
from accounts.api import schema as auth
from accounts.api import schema_keys  # noqa: F401 - registers how an API key is sent
from accounts.api import serializers_users as shapes
from accounts.models import USERNAME_PATTERN, Role
from accounts.people import CannotDeleteYourself, CannotInvite
from accounts.permissions import RIGHTS, ROLES
from accounts.rights import MayNotGrant, MayNotManage
from core import errors
from core.api import schema as document
from core.api import schema_parameters as parameters

Decorator = Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]

INVITED = "An invitation is on its way."
ID = OpenApiParameter(
    "id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH, description="The id of the user."
)
NEW = {"email": "author@example.com", "username": "author", "display_name": "Author", "role": "author"}
USER = {
    "id": "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11",
    **NEW,
    "groups": ["interns"],
    "is_active": True,
    "is_superuser": False,
    "is_invited": False,
    "has_second_factor": True,
    "last_login_at": "2026-03-02T08:00:00.000000Z",
    "created_at": "2026-03-01T09:30:00.000000Z",
    "updated_at": "2026-03-01T09:30:00.000000Z",
}
DETAIL = USER | {"permissions": ["accounts.use_desk", "content.add_blogpost", "content.view_blogpost"]}
CREATED = DETAIL | {"groups": [], "is_invited": True, "has_second_factor": False, "last_login_at": None}
ROLES_EXAMPLE = {
    "items": [
        {
            "name": "author",
            "description": ROLES[Role.AUTHOR],
            "is_builtin": True,
            "permissions": ["accounts.use_desk", "content.add_blogpost"],
        }
    ],
    "permissions": [
        {"name": name, "description": RIGHTS[name]} for name in ("accounts.use_desk", "content.add_blogpost")
    ],
}

_WORDS: dict[str, dict[str, Any]] = {
    "email": {**auth.NO_NUL, "format": "email", "description": "In any case: one mailbox is one account."},
    "username": {
        "pattern": USERNAME_PATTERN.removesuffix(r"\Z") + "$",
        "description": "The public name: 1 to 150 letters, digits, dots, hyphens or underscores; unique in any case.",
    },
    "display_name": {"pattern": parameters.LINE, "description": "What people are shown; may be empty."},
    "role": {"type": "string", "enum": Role.values, "description": "What the user is; `member` unless it is said."},
    "groups": {
        "items": {"type": "string", "maxLength": roles.MAX_NAME_LENGTH, "pattern": parameters.LINE_WITH_TEXT},
        "description": "Names of other groups, all that the user is to be in. Roles are no groups here.",
    },
}
document.describe(shapes.UserInput, _WORDS)
document.describe(
    shapes.UserChangeInput,
    _WORDS | {"is_active": {"description": "`false`: logged out at once, everywhere, and not let in again."}},
)


def _operation(operation_id: str, summary: str, description: str, **rest: Any) -> Decorator:
    """``sent`` and ``answered``: examples of the body, and of that of the one success."""
    sent, answered, status = rest.pop("sent", None), rest.pop("answered", None), str(next(iter(rest["responses"])))
    shown = [OpenApiExample("Request", sent, request_only=True)] if sent else []
    shown += [OpenApiExample("Answer", answered, response_only=True, status_codes=[status])] if answered else []
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=["users"],
        examples=shown,
        extensions=document.refusing(*rest.pop("refusals", ())),
        **rest,
    )


_RULES = (
    "Nobody hands out a role or a group that allows more than they may themselves (403 `may_not_grant`), unless they "
    "are administrators in person."
)
_WHOM = (
    "Nobody manages somebody who may more than they do (403 `may_not_manage`); superusers are managed by superusers. "
    "The last active administrator who can log in stays one (409 `last_administrator`), whoever asks, and however many "
    "ask at once."
)

list_roles = _operation(
    "listRoles",
    "List roles and rights",
    "The four roles from the highest to the lowest, then the groups that this site has made, each with what it "
    "allows; and every right that there is, in words. For whoever may enter the admin, see users or see groups.",
    responses={200: OpenApiResponse(shapes.RoleList, "All of them.")},
    answered=ROLES_EXAMPLE,
    refusals=[errors.Forbidden],
)
list_users = _operation(
    "listUsers",
    "List users",
    "For those with the right `accounts.view_user`. An unknown parameter is 422, so that a typo never silently returns "
    "everybody.",
    parameters=[
        parameters.page(),
        parameters.per_page(listing.PER_PAGE),
        parameters.ordering(listing.ORDERINGS, default=listing.DEFAULT_ORDERING),
        parameters.search(
            "q", "Only users with this text in e-mail, username or display name, in any case.", limit=listing.MAX_Q
        ),
        parameters.query("role", "Only users of this role.", {"type": "string", "enum": Role.values}),
        parameters.query("is_active", "Only users who may log in, or only those who may not.", {"type": "boolean"}),
    ],
    responses={200: OpenApiResponse(shapes.UserPage, "One page, and how many there are.")},
    answered={"items": [USER], "total": 1, "page": 1, "per_page": listing.PER_PAGE, "total_pages": 1},
    refusals=[errors.Forbidden],
)
create_user = _operation(
    "createUser",
    "Create a user",
    "Without a password: an invitation goes to the e-mail, with a link to choose one. An e-mail or username that "
    f"somebody has is 422 `unique`. For those with the right `accounts.add_user`. {_RULES}",
    parameters=[parameters.IDEMPOTENCY_KEY, parameters.REQUEST_ID],
    request=shapes.UserInput,
    responses={201: OpenApiResponse(shapes.ManagedUserDetail, "The new user; `Location` has the path.")},
    sent=NEW,
    answered=CREATED,
    refusals=[MayNotGrant],
)
get_user = _operation(
    "getUser",
    "Read a user",
    "With what the user may at this moment. For those with the right `accounts.view_user`.",
    parameters=[ID],
    responses={200: OpenApiResponse(shapes.ManagedUserDetail, "The user.")},
    answered=DETAIL,
    refusals=[errors.Forbidden],
)
update_user = _operation(
    "updateUser",
    "Change a user",
    "Acts on the next request of that user, on tokens, API keys and sessions of the admin alike. `is_active: false` "
    "ends every session; a role below `admin` also ends being a superuser. A new e-mail is told to the old one; for "
    "somebody who was invited, the invitation goes to the new one instead. For those with the right "
    f"`accounts.change_user`. {_WHOM} {_RULES}",
    parameters=[ID, parameters.IF_MATCH, parameters.REQUEST_ID],
    request=shapes.UserChangeInput,
    responses={200: OpenApiResponse(shapes.ManagedUserDetail, "The user as it is stored now.")},
    sent={"role": "approver", "groups": []},
    answered=DETAIL | {"role": "approver", "groups": []},
    refusals=[MayNotManage, MayNotGrant, LastAdministrator, CannotDeactivateYourself],
)
delete_user = _operation(
    "deleteUser",
    "Delete a user",
    "With sessions, API keys and second factors. What the user wrote stays, and says no longer who wrote it: prefer "
    f"`is_active: false`. For those with the right `accounts.delete_user`, not for oneself. {_WHOM}",
    parameters=[ID, parameters.IF_MATCH, parameters.REQUEST_ID],
    responses={204: OpenApiResponse(description="Deleted.")},
    refusals=[MayNotManage, LastAdministrator, CannotDeleteYourself],
)
invite_user = _operation(
    "inviteUser",
    "Send an invitation again",
    "To somebody active who has no password yet; otherwise 409. The links that went out before stay good. For those "
    "with the right `accounts.add_user`.",
    parameters=[ID, parameters.IDEMPOTENCY_KEY, parameters.REQUEST_ID],
    request=None,
    responses={202: OpenApiResponse(shapes.InvitationSent, "The mail is on its way.")},
    answered={"detail": INVITED},
    refusals=[CannotInvite, errors.UnsupportedMediaType],
)
