"""CDN_PURGE_URL and CDN_PURGE_TOKEN: what is understood, and that a refusal tells no token."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.views.debug import SafeExceptionReporterFilter

from cms_project import cdn, env
from tests.house.commands import KEY, python

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
SECRET = "s3cr3t-token-of-somebody"


def options(url: str) -> list[dict[str, Any]]:
    return [one["OPTIONS"] for one in cdn.from_url(url)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("fastly://SU1Z0isxPaozGVKXdv0eY", [{"service": "SU1Z0isxPaozGVKXdv0eY"}]),
        (
            "fastly://SU1Z0isxPaozGVKXdv0eY?api=http://127.0.0.1:9999",
            [{"service": "SU1Z0isxPaozGVKXdv0eY", "api": "http://127.0.0.1:9999"}],
        ),
        (f"cloudflare://{ZONE}", [{"zone": ZONE}]),
        (
            f"cloudflare://{ZONE}?api=https://gateway.example.com/client/v4",
            [{"zone": ZONE, "api": "https://gateway.example.com/client/v4"}],
        ),
        (
            "varnish://cache-1:6081, Cache-2.example.com:80",
            [{"address": "cache-1:6081", "tls": False}, {"address": "cache-2.example.com:80", "tls": False}],
        ),
        ("varnish://[::1]:6081", [{"address": "[::1]:6081", "tls": False}]),
        ("nginx://10.0.0.5:8081?tls=on", [{"address": "10.0.0.5:8081", "tls": True}]),
    ],
)
def test_every_form_that_is_documented_is_understood(url: str, expected: list[dict[str, Any]]) -> None:
    assert options(url) == expected


def test_what_comes_out_makes_the_adapters() -> None:
    urls = ["fastly://SU1Z0isxPaozGVKXdv0eY", f"cloudflare://{ZONE}", "varnish://a:1,b:2", "nginx://[::1]:8081"]

    made = [
        import_string(one["PROVIDER"])(**one["OPTIONS"]).name
        for url in urls
        for one in cdn.with_token(cdn.from_url(url), SECRET)
    ]

    assert made == [
        "fastly://SU1Z0isxPaozGVKXdv0eY",
        f"cloudflare://{ZONE}",
        "varnish://a:1",
        "varnish://b:2",
        "nginx://[::1]:8081",
    ]


REFUSED = [
    "https://www.example.com",
    "fastly:SU1Z0isxPaozGVKXdv0eY",
    "fastly://",
    "fastly://a/b",
    "fastly://SU1Z0isxPaozGVKXdv0eY/purge",
    "fastly://SU1Z0isxPaozGVKXdv0eY?soft=1",
    "fastly://SU1Z0isxPaozGVKXdv0eY?api=http://api.example.com",
    "fastly://SU1Z0isxPaozGVKXdv0eY?api=ftp://127.0.0.1",
    "fastly://SU1Z0isxPaozGVKXdv0eY?api=https://",
    "fastly://SU1Z0isxPaozGVKXdv0eY?api=https://api.example.com/",
    "cloudflare://example.com",
    f"cloudflare://{ZONE.upper()}",
    "varnish://",
    "varnish://cache-1",
    "varnish://cache-1:0",
    "varnish://cache-1:65536",
    "varnish://cache-1:80/purge",
    "varnish://cache-1:80,",
    "varnish://cache-1:80,cache-1:80",
    "varnish://cache 1:80",
    "varnish://cache-1:80\r\nX-Other: 1",
    "varnish://cache-1:80?tls=yes",
    "varnish://cache-1:80?api=https://x",
]


@pytest.mark.parametrize("url", REFUSED)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        cdn.from_url(url)


@pytest.mark.parametrize(
    "url",
    [
        f"fastly://{SECRET}@SU1Z0isxPaozGVKXdv0eY",
        f"fastly://SU1Z0isxPaozGVKXdv0eY?token={SECRET}",
        f"fastly://SU1Z0isxPaozGVKXdv0eY/{SECRET}",
        f"varnish://{SECRET}:80:80",
        f"varnish://cache-1:80?tls={SECRET}",
        f"cloudflare://{ZONE}?api=https://user:{SECRET}@gateway.example.com",
        SECRET,
    ],
)
def test_a_refusal_does_not_repeat_what_it_refuses(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDN_PURGE_URL", url)

    with pytest.raises(ImproperlyConfigured) as refused:
        env.parsed("CDN_PURGE_URL", [], cdn.from_url, cdn.FORMS)

    assert str(refused.value).startswith("CDN_PURGE_URL must be fastly://service-id, ")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("token", [f"{SECRET} ", f"a\n{SECRET}", "ä", f"{SECRET}\x00"])
def test_a_token_is_what_may_stand_in_a_header(token: str) -> None:
    with pytest.raises(ValueError, match="it has a blank") as refused:
        cdn.token(token)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "token", "sentence"),
    [
        ("", SECRET, "CDN_PURGE_TOKEN is set and CDN_PURGE_URL is not"),
        ("fastly://SU1Z0isxPaozGVKXdv0eY", "", "CDN_PURGE_URL is set and CDN_PURGE_TOKEN is not"),
        (f"cloudflare://{ZONE}", "", "CDN_PURGE_URL is set and CDN_PURGE_TOKEN is not"),
    ],
)
def test_one_without_the_other_is_refused(url: str, token: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence) as refused:
        cdn.with_token(cdn.from_url(url) if url else [], token)

    assert SECRET not in str(refused.value)


def test_a_cache_of_ones_own_may_do_without() -> None:
    assert cdn.with_token(cdn.from_url("varnish://a:1"), "") == [
        {"PROVIDER": "delivery.providers.varnish.Varnish", "OPTIONS": {"address": "a:1", "tls": False, "token": ""}}
    ]


def test_a_page_of_errors_hides_the_token() -> None:
    setting = cdn.with_token(cdn.from_url(f"cloudflare://{ZONE}"), SECRET)

    shown = SafeExceptionReporterFilter().cleanse_setting("CDN_PURGE", setting)

    assert ZONE in str(shown) and SECRET not in str(shown)


ASK = "from django.conf import settings\nprint([one['OPTIONS']['address'] for one in settings.CDN_PURGE])"


def test_the_settings_read_both_variables() -> None:
    variables = {"CDN_PURGE_URL": "varnish://a:1,b:2", "CDN_PURGE_TOKEN": SECRET, "SECRET_KEY": KEY}

    answer = python("-c", ASK, DJANGO_SETTINGS_MODULE="cms_project.settings", **variables)

    assert (answer.stdout.strip(), answer.stderr) == ("['a:1', 'b:2']", "")
