"""What every answer carries, whoever gives it: the API, its pages, the admin, the files, an error."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

API = (
    "//api/v1/posts",
    "//api/v1/settings",
    "//api/v1/nothing",
    "//healthz",
    "//docs",
    "//redoc",
    "//api/schema",
    "//",
)
SITE = ("/admin/", "/admin/login/", "/admin/nothing/", "/static/nothing.css")


def answers(api):
    site = Client()
    yield from ((path, api.get(path)) for path in API)
    yield from ((path, site.get(path)) for path in SITE)


def test_every_answer_forbids_sniffing_framing_and_features_nobody_needs(api):
    for path, response in answers(api):
        assert response["X-Content-Type-Options"] == "nosniff", path
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"], path
        assert "camera=()" in response["Permissions-Policy"], path
        assert response["Referrer-Policy"] in ("same-origin", "strict-origin-when-cross-origin", "no-referrer"), path


def test_no_policy_but_the_admins_allows_inline_code_or_eval(api):
    for path, response in answers(api):
        policy = response["Content-Security-Policy"]
        is_desk = path.startswith("/admin/")
        assert ("'unsafe-eval'" in policy, "'unsafe-inline'" in policy) == (is_desk, is_desk), path
        assert "default-src 'none'" in policy, path


def test_the_admins_exception_ends_with_the_admin():
    response = Client().get("/administrator")

    assert "unsafe" not in response["Content-Security-Policy"]


def test_the_api_and_the_admin_say_the_same_about_https(api, settings):
    settings.SECURE_HSTS_SECONDS = 60
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True

    site = Client().get("/admin/login/", secure=True)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    of_api = api.get("/posts", headers={"X-Forwarded-Proto": "https"})

    assert of_api["Strict-Transport-Security"] == site["Strict-Transport-Security"]
    assert of_api["Strict-Transport-Security"] == "max-age=60; includeSubDomains; preload"


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG"])
@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/static/content/desk.css"])
def test_the_admin_answers_no_method_that_it_does_not_know(path, method):
    response = Client().generic(method, path, headers={"Cookie": "secret=1"})

    assert (response.status_code, "secret" in response.content.decode()) == (405, False)


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG"])
@pytest.mark.parametrize("path", ["/posts", "/auth/login", "//docs", "//healthz"])
def test_nor_does_the_api(api, path, method):
    response = api.request(method, path)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("host", ["evil.example.com", "localhost@evil.example.com", "localhost:80:80", "[::1"])
def test_a_host_that_is_not_ours_is_refused_everywhere(api, host):
    of_api = api.get("/posts", headers={"Host": host})
    of_site = Client().get("/admin/login/", headers={"Host": host})

    assert (of_api.status_code, of_site.status_code) == (400, 400)
    assert host not in of_api.content.decode() + of_site.content.decode()
