"""What every answer has in common: methods, order of refusals, ids, hosts, origins, headers."""

import pytest

from tests.conftest import Api
from tests.content.factory import make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/posts", "GET, POST, HEAD, OPTIONS"),
        ("PATCH", "/pages", "GET, POST, HEAD, OPTIONS"),
        ("POST", "/posts/hello", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("POST", "/settings", "GET, PUT, PATCH, HEAD, OPTIONS"),
        ("DELETE", "/settings", "GET, PUT, PATCH, HEAD, OPTIONS"),
        ("TRACE", "/posts", "GET, POST, HEAD, OPTIONS"),
        ("BREW", "/posts", "GET, POST, HEAD, OPTIONS"),
    ],
)
def test_other_methods_are_405_with_allow(api: Api, method: str, path: str, allowed: str) -> None:
    response = api.request(method, path, token="nonsense")

    assert (response.status_code, response["Allow"], response.json()["code"]) == (405, allowed, "method_not_allowed")


def test_options_tells_what_is_allowed(api: Api) -> None:
    response = api.request("OPTIONS", "/posts")

    assert (response.status_code, response.content, response["Allow"]) == (204, b"", "GET, POST, HEAD, OPTIONS")


def test_the_first_refusal_of_the_contracts_order_answers(api: Api) -> None:
    """405 before 401 before 403/404 before 415 before 400 before 422 before 412: mend one, meet the next."""
    make_post(title="Hello")
    admin, member = token_for(make_user("admin")), token_for(make_user("member"))
    stale = {"If-Match": '"stale"'}

    def put(token: str | None, path: str = "/posts/hello", **options: object) -> int:
        return api.request("PUT", path, headers=stale, token=token, **options).status_code  # type: ignore[arg-type]

    assert api.request("POST", "/posts/hello", raw=b"{", content_type="text/plain", headers=stale).status_code == 405
    assert put(None, raw=b"{", content_type="text/plain") == 401
    assert put("nonsense", raw=b"{", content_type="text/plain") == 401
    assert put(member, raw=b"{", content_type="text/plain") == 403
    assert put(admin, "/posts/nothing", raw=b"{", content_type="text/plain") == 404
    assert put(admin, raw=b"{", content_type="text/plain") == 415
    assert put(admin, raw=b"{") == 400
    assert put(admin, body={"title": ""}) == 422
    assert put(admin, body={"title": "x"}) == 412


@pytest.mark.parametrize(
    "path",
    ["//nothing", "//api/v1/nothing", "//api/v1/posts/a/b", "//api", "//.env", "//wp-login.php", "//administrator"],
)
def test_unknown_paths_are_problems_too(api: Api, path: str) -> None:
    response = api.get(path)

    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_a_problem_has_the_documented_shape(api: Api) -> None:
    problem = api.get("/posts/nothing", headers={"X-Request-ID": "abc-1"}).json()

    assert problem == {
        "type": "/problems/not_found",
        "title": "Nothing is found here",
        "status": 404,
        "detail": "Nothing is found here",
        "code": "not_found",
        "errors": [],
        "request_id": "abc-1",
    }


def test_a_fault_of_ours_shows_nothing_of_the_inside(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from delivery import reads

    def explode(*args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(reads, "single", explode)
    response = api.get("/posts/hello")

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "secret" not in response.content.decode()


def test_a_database_that_does_not_answer_is_503_with_retry_after(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from delivery import reads

    def away(*args: object) -> None:
        raise OperationalError("connection refused at 10.0.0.5")

    monkeypatch.setattr(reads, "single", away)
    response = api.get("/posts/hello")

    assert (response.status_code, response["Retry-After"], response.json()["code"]) == (503, "2", "unavailable")
    assert "10.0.0.5" not in response.content.decode()


@pytest.mark.parametrize("given", ["abc", "a.b-c_1", "x" * 64])
def test_a_harmless_request_id_is_kept(api: Api, given: str) -> None:
    assert api.get("/posts", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "é", "<script>"])
def test_any_other_request_id_is_replaced(api: Api, given: str) -> None:
    made = api.get("/posts", headers={"X-Request-ID": given})["X-Request-ID"]

    assert made != given and len(made) == 16


@pytest.mark.parametrize("path", ["/posts", "/posts/nothing", "//nothing"])
def test_every_answer_carries_the_security_headers(api: Api, path: str) -> None:
    response = api.get(path)

    assert response["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "X-Request-ID" in response


@pytest.mark.parametrize("debug", [True, False])
def test_an_unknown_host_is_400(api: Api, settings: object, debug: bool) -> None:
    settings.DEBUG = debug  # type: ignore[attr-defined]

    responses = [
        api.get("/posts", headers={"Host": host}) for host in ("evil.example", "bad host", "localhost.evil.example")
    ]

    assert [(one.status_code, one["Content-Type"]) for one in responses] == [(400, "application/problem+json")] * 3


def test_behind_https_nothing_is_answered_without_it(api: Api, settings: object) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 60  # type: ignore[attr-defined]
    settings.PUBLIC_BASE_URL = "https://cms.example.com"  # type: ignore[attr-defined]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # type: ignore[attr-defined]

    plain = api.post("/posts?x=1", {})
    safe = api.get("/posts", headers={"X-Forwarded-Proto": "https"})

    assert (plain.status_code, plain["Location"]) == (308, "https://cms.example.com/api/v1/posts?x=1")
    assert (safe.status_code, safe["Strict-Transport-Security"]) == (200, "max-age=60")
    assert api.get("//healthz").status_code == 200


def test_only_listed_origins_may_read_and_see_our_headers(api: Api) -> None:
    listed = api.get("/posts", headers={"Origin": "http://localhost:5173"})
    other = api.get("/posts", headers={"Origin": "http://localhost:5173.evil.example"})

    assert listed["Access-Control-Allow-Origin"] == "http://localhost:5173"
    assert {"ETag", "Link", "Location", "X-Request-ID"} <= set(listed["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Origin" not in other
    assert "Access-Control-Allow-Credentials" not in listed
    assert all("origin" in one["Vary"].lower() for one in (listed, other))


def test_a_preflight_is_answered_for_what_a_frontend_sends(api: Api) -> None:
    response = api.request(
        "OPTIONS",
        "/posts/hello",
        headers={
            "Origin": "http://localhost:5173",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type,if-match,idempotency-key",
        },
    )

    assert response.status_code == 200
    assert "PATCH" in response["Access-Control-Allow-Methods"]
    for name in ("authorization", "if-match", "idempotency-key"):
        assert name in response["Access-Control-Allow-Headers"]


def test_the_api_ignores_cookies(api: Api) -> None:
    from django.test import Client

    admin = make_user("admin")
    client = Client()
    client.force_login(admin)
    api.client.cookies = client.cookies

    response = api.post("/posts", {"title": "x"})

    assert (response.status_code, "Set-Cookie" in response) == (401, False)


def test_one_line_per_request_and_never_a_secret(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    author = make_user("author")
    token = token_for(author)
    caplog.clear()

    with caplog.at_level("INFO"):
        api.post("/posts?draft=secretquery", {"title": "secrettitle"}, token=token, headers={"X-Request-ID": "r1"})

    (line,) = [record for record in caplog.records if record.name == "stitch.access"]
    assert (line.method, line.path, line.status, line.user, line.request_id) == (  # type: ignore[attr-defined]
        "POST", "/api/v1/posts", 422, str(author.pk), "r1",
    )  # fmt: skip
    for secret in (token, "secrettitle", "secretquery"):
        assert secret not in caplog.text
