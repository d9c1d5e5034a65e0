"""What each kind of caller gets: a row for each operation of the API, in the order of ``callers.KINDS``."""

from content.models import BlogPost, Page
from tests.matrix.callers import World
from tests.matrix.rows_accounts import ACCOUNTS
from tests.matrix.shapes import Row, administrators, at, public, sent

# Addresses outside /api/v1 and /admin: for everybody, with nothing in them that is not public, but for one.
OPEN_PAGES = (
    "",
    ".well-known/jwks.json",
    "api/schema",
    "docs",
    "redoc",
    "problems",
    "problems/<str:code>",
    "healthz",
    "readyz",
    "metrics",  # nothing without METRICS_TOKEN, and with it for those alone who know it: tests/core/test_metrics.py
    "^verify-email/?$",
    "^invitation/?$",
    "^email-change/?$",
    "^password-reset/?$",
    r"^(?!(?:admin|static)(?:/|$))",
)


def _entries(name: str, model: type[Page] | type[BlogPost]) -> dict[str, Row]:
    def live(world: World) -> str:
        return world.path_of(model)

    def draft(world: World) -> str:
        return world.path_of(model, is_public=False)

    one = f"{name}/<str:key>"
    # nobody member owner author approver admin deactivated key narrow
    return {
        f"GET {name}": Row(public(200), at(f"/{name}")),
        f"GET {name} as drafts": Row((401, 403, 200, 200, 200, 200, 401, 200, 403), at(f"/{name}?status=draft")),
        f"POST {name}": Row((401, 403, 201, 201, 201, 201, 401, 201, 403), at(f"/{name}"), sent(title="New")),
        f"POST {name} as publishing": Row(
            (401, 403, 403, 403, 201, 201, 401, 201, 403), at(f"/{name}"), sent(title="New", published=True)
        ),
        f"GET {one}": Row(public(200), live),
        f"GET {one} as a draft": Row((404, 404, 200, 200, 200, 200, 401, 200, 404), draft),
        f"PUT {one}": Row((401, 403, 200, 403, 200, 200, 401, 200, 403), live, sent(title="Changed")),
        f"PUT {one} as a draft": Row((401, 404, 200, 403, 200, 200, 401, 200, 404), draft, sent(title="Changed")),
        f"PATCH {one}": Row((401, 403, 200, 403, 200, 200, 401, 200, 403), live, sent(title="Changed")),
        f"PATCH {one} as a draft": Row((401, 404, 200, 403, 200, 200, 401, 200, 404), draft, sent(title="Changed")),
        f"PATCH {one} as publishing": Row((401, 404, 403, 403, 200, 200, 401, 200, 404), draft, sent(published=True)),
        f"DELETE {one}": Row((401, 403, 403, 403, 204, 204, 401, 204, 403), live),
        f"DELETE {one} as a draft": Row((401, 404, 204, 403, 204, 204, 401, 204, 404), draft),
    }


SETTINGS = {
    "GET settings": Row(public(200), at("/settings")),
    "PUT settings": Row(administrators(200), at("/settings"), sent(site_name="Changed")),
    "PATCH settings": Row(administrators(200), at("/settings"), sent(site_name="Changed")),
}

ROWS: dict[str, Row] = {**ACCOUNTS, **_entries("pages", Page), **_entries("posts", BlogPost), **SETTINGS}
