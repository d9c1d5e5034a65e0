"""The kinds of callers, and the world in which each of them calls: somebody, and things that are theirs or not."""

from functools import cached_property
from typing import Any

from accounts import keys, permissions
from accounts.models import ApiKey, User
from content import publishing, saving
from content.models import BlogPost, Entry, Page
from core import clock
from tests.factories import make_user, pair_for

KINDS = (
    "nobody",
    "member",
    "owner",  # an author, before what is theirs
    "author",  # before what is somebody else's
    "approver",
    "admin",
    "deactivated",  # an administrator, with a token from before
    "key",  # an administrator's API key with every scope
    "narrow",  # one whose only scope has nothing to do with it
)
ROLES = {"owner": "author", "deactivated": "admin", "key": "admin", "narrow": "admin"}
FOREIGN_SCOPE = "content.view_sitesettings"


class World:
    """Made anew for each case; what a row does not ask for is not made."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @cached_property
    def user(self) -> User:
        """The caller. Nobody's world has somebody too, whose things are somebody else's."""
        return make_user(ROLES.get(self.kind, "author" if self.kind == "nobody" else self.kind))

    @cached_property
    def owner(self) -> User:
        return self.user if self.kind == "owner" else make_user("author")

    @cached_property
    def other(self) -> User:
        return make_user("member")

    @cached_property
    def pair(self) -> Any:
        return pair_for(self.user)

    @cached_property
    def made_key(self) -> tuple[ApiKey, str]:
        scopes = [FOREIGN_SCOPE] if self.kind == "narrow" else sorted(permissions.RIGHTS)
        return keys.make(self.user, name="a machine", scopes=scopes, expires_at=None, now=clock.now())

    @cached_property
    def headers(self) -> dict[str, str]:
        if self.kind == "nobody":
            return {}
        if self.kind in ("key", "narrow"):
            return {"Authorization": f"Api-Key {self.made_key[1]}"}
        token = self.pair.access_token
        if self.kind == "deactivated":
            User.objects.filter(pk=self.user.pk).update(is_active=False)
        return {"Authorization": f"Bearer {token}"}

    def entry[E: Entry](self, model: type[E], *, is_public: bool = True) -> E:
        entry = saving.save_new(model, {"title": "Something"}, published=None, by=self.owner, now=clock.now())
        if is_public:
            publishing.publish(entry, by=make_user("approver"), now=clock.now())
        return entry

    def path_of(self, model: type[Entry], *, is_public: bool = True) -> str:
        collection = {Page: "pages", BlogPost: "posts"}[model]
        return f"/{collection}/{self.entry(model, is_public=is_public).slug}"
