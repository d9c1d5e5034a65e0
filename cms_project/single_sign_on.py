"""The settings of single sign-on, an optional extra: read, and refused where they cannot work."""

import json
from importlib.util import find_spec
from urllib.parse import urlsplit

from cms_project import env

PACKAGES = ("requests", "cryptography")  # of requirements-sso.txt
ROLES = ("admin", "approver", "author", "member")  # accounts.models.Role, which settings cannot import
LOCAL = ("localhost", "127.0.0.1", "::1")


def issuer(raw: str) -> str:
    """Kept letter by letter, a slash at its end included: what the provider signs must be the same text."""
    parts = urlsplit(raw)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
    if not is_safe or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"{raw!r} is no such address")
    return raw


def scopes(raw: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(raw.replace(",", " ").split()))
    if "openid" not in found:
        raise ValueError("openid is missing")
    return found


def roles(raw: str) -> dict[str, str]:
    """``cms-admins:admin,writers:author``, or a JSON object where a value has a comma in it."""
    pairs = json.loads(raw).items() if raw.startswith("{") else [_pair(part) for part in raw.split(",")]
    found = {value.strip(): role.strip() for value, role in pairs if isinstance(role, str)}
    wrong = [role for role in found.values() if role not in ROLES]
    if wrong or "" in found or len(found) != len(pairs):
        raise ValueError(f"{wrong[0]!r} is no role" if wrong else "a part of it cannot be understood")
    return found


def _pair(part: str) -> tuple[str, str]:
    value, colon, role = part.rpartition(":")
    if not colon:
        raise ValueError("one of its parts has no colon")
    return value, role


def refuse_half(given: dict[str, object]) -> None:
    """``given``: the variables by name. What belongs together is there together, or the start is refused."""
    needed = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    there, missing = ([name for name in needed if bool(given[name]) is is_set] for is_set in (True, False))
    if there and missing:
        env.refuse(f"{there[0]} is set and {missing[0]} is not: single sign-on needs both.")
    if bool(given["OIDC_ROLE_CLAIM"]) != bool(given["OIDC_ROLES"]):
        env.refuse("OIDC_ROLE_CLAIM and OIDC_ROLES belong together: set both or neither.")
    if there and not all(map(find_spec, PACKAGES)):
        env.refuse("OIDC_ISSUER is set and the packages for it are not installed: run `make install-sso`.")
