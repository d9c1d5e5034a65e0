"""Lists of users, for those who may see them."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from accounts import roles
from accounts.factors.rows import Kind
from accounts.models import Role, User
from core import errors
from core.api import parsing
from core.api.pagination import Page

PARAMETERS = ("q", "role", "is_active", "ordering", "page", "per_page")
PER_PAGE = 50  # of every list of accounts
MAX_Q = 100
DEFAULT_ORDERING = "-created_at"
ORDERINGS: dict[str, tuple[Any, str]] = {
    "created_at": (F("created_at"), "id"),
    "-created_at": (F("created_at").desc(), "id"),
    "email": (F("email"), "id"),
    "-email": (F("email").desc(), "id"),
    "username": (Lower("username"), "id"),
    "-username": (Lower("username").desc(), "id"),
    "display_name": (Lower("display_name"), "id"),
    "-display_name": (Lower("display_name").desc(), "id"),
    "last_login_at": (F("last_login").asc(nulls_first=True), "id"),
    "-last_login_at": (F("last_login").desc(nulls_last=True), "id"),
}


def whole(users: QuerySet[User]) -> QuerySet[User]:
    """With what is told about each: ``has_second_factor`` and the groups. One query more, however many users."""
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=(Kind.TOTP, Kind.WEBAUTHN))
    return users.annotate(has_second_factor=Exists(factors)).prefetch_related("groups")


def users(params: dict[str, str], page: Page) -> tuple[list[User], int]:
    """One page of users and their exact number, newest first unless ``ordering`` says otherwise."""
    ordering = parsing.choice(params, "ordering", among=ORDERINGS, default=DEFAULT_ORDERING)
    rows = _filtered(params)
    total = rows.count()
    if page.start >= total:
        return [], total
    return list(whole(rows).order_by(*ORDERINGS[ordering])[page.start : page.stop]), total


def _filtered(params: dict[str, str]) -> QuerySet[User]:
    rows: QuerySet[User] = User.objects.all()
    if "role" in params:
        rows = roles.having(rows, parsing.choice(params, "role", among=Role.values, default=""))
    if "is_active" in params:
        rows = rows.filter(is_active=parsing.flag(params, "is_active"))
    if "q" in params:
        sought = _sought(params["q"])
        matches = Q(email__icontains=sought) | Q(username__icontains=sought)
        rows = rows.filter(matches | Q(display_name__icontains=sought))
    return rows


def _sought(text: str) -> str:
    if len(text) > MAX_Q:
        raise errors.Invalid.field("q", "max_length", f"At most {MAX_Q} characters.")
    if not text.strip():
        raise errors.Invalid.field("q", "blank", "Say what to look for, or leave it out.")
    return text.strip()
