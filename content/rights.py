"""Who may do what with content: small predicates over Django's permissions, and refusals that verbs raise."""

from accounts.models import User
from content.models import Entry, Versioned
from core import errors
from delivery import reads


class NotYours(errors.Forbidden):
    code = "not_yours"
    title = "You may change only what you have written"


class MayNotPublish(errors.Forbidden):
    code = "may_not_publish"
    title = "You may not publish or unpublish this; submit it for review instead"


def _name(action: str, model: type[Versioned]) -> str:
    return f"content.{action}_{model._meta.model_name}"


def may_see_drafts(user: User, model: type[Versioned]) -> bool:
    return user.is_active and user.has_perm(_name("view", model))


def is_visible(thing: Versioned) -> bool:
    """Visitors see it at this moment. One query."""
    return reads.live_revision(thing.KIND, thing.pk) is not None


def may_create(user: User, model: type[Versioned]) -> bool:
    return user.has_perm(_name("add", model))


def may_publish(user: User, model: type[Versioned]) -> bool:
    return user.has_perm(_name("publish", model))


def may_change(user: User, thing: Versioned) -> bool:
    return _may("change", user, thing)


def may_delete(user: User, thing: Versioned) -> bool:
    return _may("delete", user, thing)


def _may(action: str, user: User, thing: Versioned) -> bool:
    if user.has_perm(_name(action, type(thing))):
        return True
    return thing.created_by_id == user.pk and user.has_perm(_name(f"{action}_own", type(thing)))


def require_create(user: User, model: type[Versioned]) -> None:
    if not may_create(user, model):
        raise errors.Forbidden()


def require_change(user: User, thing: Versioned) -> None:
    if not may_change(user, thing):
        raise NotYours() if user.has_perm(_name("change_own", type(thing))) else errors.Forbidden()


def require_delete(user: User, thing: Entry) -> None:
    if not may_delete(user, thing):
        raise NotYours() if user.has_perm(_name("delete_own", type(thing))) else errors.Forbidden()


def require_publish(user: User, model: type[Versioned]) -> None:
    if not may_publish(user, model):
        raise MayNotPublish()
