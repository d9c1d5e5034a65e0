"""How the admin looks, and the content security policies: the strict one, and the admin's (docs/decisions/0005)."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.csp import CSP
from django.utils.functional import lazy
from django_prose_editor.config import html_tags

# What every page of ours but the admin's gets: no script or style without the nonce of this very answer.
STRICT_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}

# The theme's scripts (Alpine) compile what stands in attributes, and set styles: hence eval and inline styles.
ADMIN_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:", "https:"],  # pictures in what people wrote may come from anywhere
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.SELF],
    "object-src": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}


def _item(title: str, icon: str, page: str, right: str) -> dict[str, Any]:
    def may_see(request: HttpRequest) -> bool:
        return bool(request.user.has_perm(right))

    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{page}_changelist"), "permission": may_see}


_static_later = lazy(static, str)


def _desk_css(request: HttpRequest) -> str:
    return static("content/desk.css")


def _accounts_css(request: HttpRequest) -> str:
    return static("accounts/desk.css")


def _icon(request: HttpRequest) -> str:
    return static("content/icon.svg")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Stitch",
    "SITE_HEADER": "Stitch",
    "SITE_SYMBOL": "stylus_note",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "STYLES": [_desk_css, _accounts_css],
    "ACCOUNT": {"navigation": [{"title": "Login and security", "link": reverse_lazy("admin:security")}]},
    "DASHBOARD_CALLBACK": "content.admin.dashboard.context",
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .014 195)",
            "100": "oklch(94.6% .033 195)",
            "200": "oklch(90.2% .055 195)",
            "300": "oklch(82.7% .085 195)",
            "400": "oklch(72% .105 195)",
            "500": "oklch(64% .105 195)",
            "600": "oklch(50% .085 195)",
            "700": "oklch(44% .075 195)",
            "800": "oklch(38% .065 195)",
            "900": "oklch(32% .055 195)",
            "950": "oklch(24% .045 195)",
        },
    },
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Content",
                "items": [
                    _item("Posts", "article", "content_blogpost", "content.view_blogpost"),
                    _item("Pages", "web", "content_page", "content.view_page"),
                    _item("Site settings", "tune", "content_sitesettings", "content.view_sitesettings"),
                ],
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    _item("Users", "person", "accounts_user", "accounts.view_user"),
                    _item("Groups", "groups", "auth_group", "auth.view_group"),
                    _item("Sessions", "key", "accounts_tokenfamily", "accounts.view_tokenfamily"),
                    _item("API keys", "vpn_key", "accounts_apikey", "accounts.view_apikey"),
                ],
            },
            {
                "title": "System",
                "separator": True,
                "items": [
                    _item("Audit trail", "history", "accounts_auditentry", "accounts.view_auditentry"),
                    _item(
                        "Jobs",
                        "schedule",
                        "django_tasks_database_dbtaskresult",
                        "django_tasks_database.view_dbtaskresult",
                    ),
                ],
            },
        ],
    },
}

# What makes the visual editor keep all that stored HTML may hold. It only shows: the cleaning is ours (core.html).
PROSE_EXTENSIONS: list[dict[str, Any]] = [
    {"js": [_static_later("content/prose.js")], "extensions": {"Carried": html_tags([])}}
]
