"""The OpenAPI document is a promise: complete, committed, and true of what the server answers."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from content.api import shapes
from core.api import problems
from delivery.models import Kind
from delivery.shapes import FIELDS
from tests.conftest import Api
from tests.content.factory import make_page, make_post
from tests.factories import make_user, token_for

DOCS = Path(__file__).parent.parent / "docs" / "api"
ENTRY_OPERATIONS = ("list{}s", "create{}", "get{}", "replace{}", "update{}", "delete{}")
OPERATIONS = {
    *(name.format(kind) for kind in ("Page", "Post") for name in ENTRY_OPERATIONS),
    *("getSettings", "replaceSettings", "updateSettings"),
    *("login", "token", "refresh", "logout", "me"),
    *("register", "verifyEmail", "resendVerification", "changeEmail", "confirmEmailChange"),
    *("resetPassword", "confirmPasswordReset", "acceptInvitation", "changePassword"),
    *("listSessions", "endSession", "logoutAll", "updateMe"),
    *("secondFactor", "passkeyLoginOptions", "passkeyLogin", "secondFactors", "resetSecondFactors"),
    *("beginTotp", "confirmTotp", "removeTotp", "renewRecoveryCodes"),
    *("passkeyOptions", "addPasskey", "renamePasskey", "removePasskey"),
    *("listRoles", "listUsers", "createUser", "getUser", "updateUser", "deleteUser", "inviteUser"),
    "getSigningKeys",
    *("listApiKeys", "getApiKey", "createApiKey", "revokeApiKey", "listAuditEntries"),
    *("getHealth", "getReadiness"),
}
WRITE = "200 400 401 403 404 408 412 413 415 422 428 503"
STATUSES = {
    "listPosts": "200 304 400 401 403 422 503",
    "createPost": "201 400 401 403 408 413 415 422 503",
    "getPost": "200 301 304 400 401 404 422 503",
    "replacePost": WRITE,
    "updatePost": WRITE,
    "deletePost": "204 400 401 403 404 412 422 428 503",
    "getSettings": "200 304 400 401 422 503",
    "updateSettings": "200 400 401 403 408 412 413 415 422 428 503",
    "login": "200 400 401 403 408 413 415 422 429 503",
    "logout": "204 400 401 403 408 413 415 422 429 503",
    "me": "200 304 400 401 422 503",
    "listApiKeys": "200 304 400 401 403 422 503",
    "createApiKey": "201 400 401 403 408 409 413 415 422 503",
    "revokeApiKey": "204 400 401 403 404 422 503",
    "listAuditEntries": "200 304 400 401 403 422 503",
    "listRoles": "200 304 400 401 403 422 503",
    "listUsers": "200 304 400 401 403 422 503",
    "createUser": "201 400 401 403 408 413 415 422 503",
    "updateUser": "200 400 401 403 404 408 409 412 413 415 422 428 503",
    "deleteUser": "204 400 401 403 404 409 412 422 428 503",
    "inviteUser": "202 400 401 403 404 409 415 422 503",
    "getHealth": "200",
    "getReadiness": "200 503",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for item in document["paths"].values() for one in item.values()}


def wrong_with(document: dict[str, Any], name: str, value: Any, *, strictly: bool = False) -> list[str]:
    """What a validator says about a value; ``strictly``: fields that the shape does not name are wrong too."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    if strictly:
        schema["unevaluatedProperties"] = False
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def routes() -> Iterator[tuple[str, str]]:
    """Path and method of everything below /api/v1, from the URLs themselves."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
        for one in patterns:
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, prefix + str(one.pattern))
            else:
                yield prefix + str(one.pattern), one

    for path, pattern in walk(get_resolver().url_patterns, "/"):
        if path.startswith("/api/v1/"):
            for method in pattern.callback.actions.keys() - {"head"}:  # HEAD answers wherever GET does
                yield re.sub(r"<\w+:(\w+)>", r"{\1}", path), method


# --- Complete -----------------------------------------------------------------------------------------------------


def test_the_document_is_valid_and_made_without_a_warning(document):
    validate_schema(document)

    assert (dict(GENERATOR_STATS._warn_cache), dict(GENERATOR_STATS._error_cache)) == ({}, {})


def test_the_committed_document_is_the_one_that_the_code_makes(document):
    made = OpenApiYamlRenderer().render(document, renderer_context={}).decode()

    assert (DOCS / "openapi.yaml").read_text() == made, "python manage.py spectacular --file docs/api/openapi.yaml"


def test_every_route_is_documented_and_nothing_else(document):
    documented = {(path, method) for path, item in document["paths"].items() for method in item}

    assert documented == {*routes(), *((path, "get") for path in ("/healthz", "/readyz", "/.well-known/jwks.json"))}


def test_operations_keep_their_names(document):
    assert set(operations(document)) == OPERATIONS


def test_everything_is_described(document):
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}

    for name, one in operations(document).items():
        assert one["summary"] and one["description"] and set(one["tags"]) <= tags, name
        assert all(parameter["description"] for parameter in one.get("parameters", ())), name
        assert all("$ref" in answer or answer["description"] for answer in one["responses"].values()), name


def test_every_body_has_examples_and_they_are_true(document):
    for name, one in operations(document).items():
        bodies = [one["requestBody"]] if "requestBody" in one else []
        bodies += [answer for answer in one["responses"].values() if "content" in answer]
        for media in (media for body in bodies for media in body["content"].values()):
            schema = media["schema"] | {"components": document["components"]}
            values = [example["value"] for example in media["examples"].values()]
            assert values and all(Draft202012Validator(schema).is_valid(value) for value in values), name


def test_every_refusal_has_an_example_for_each_of_its_codes(document):
    for answer in document["components"]["responses"].values():
        (media,) = answer["content"].values()
        for code, example in media["examples"].items():
            assert wrong_with(document, "Problem", example["value"]) == []
            assert (example["value"]["code"], example["value"]["status"]) == (
                code,
                problems.catalogue()[code]["status"],
            )


@pytest.mark.parametrize(("name", "statuses"), STATUSES.items())
def test_an_operation_names_every_status_that_can_happen_and_no_other(document, name, statuses):
    assert sorted(operations(document)[name]["responses"]) == statuses.split()


def test_every_code_stands_in_the_guide():
    import_module("accounts.sso.admin")  # an extra, whose codes stand there too
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.+) \|$", (DOCS / "guide.md").read_text(), re.MULTILINE)

    known = [(str(one["status"]), one["code"], one["title"]) for one in problems.catalogue().values()]
    assert sorted(rows) == sorted(known)


DOORS = {
    *("login", "token", "refresh", "logout", "secondFactor", "passkeyLogin", "passkeyLoginOptions"),
    *("register", "verifyEmail", "resendVerification", "confirmEmailChange"),
    *("resetPassword", "confirmPasswordReset", "acceptInvitation", "getSigningKeys"),
}


def test_anybody_may_read_and_only_known_people_may_write(document):
    for name, one in operations(document).items():
        is_content = set(one["tags"]) <= {"posts", "pages", "settings", "health"}
        is_open = {} in one["security"]

        assert is_open == (name.startswith(("list", "get")) if is_content else name in DOORS), name


# --- True ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_visitors_read_is_exactly_the_public_shape(document, api: Api):
    post, page = make_post(tags=["a"]), make_page()

    assert wrong_with(document, "Post", api.get(f"/posts/{post.slug}").json(), strictly=True) == []
    assert wrong_with(document, "Page", api.get(f"/pages/{page.slug}").json(), strictly=True) == []
    assert wrong_with(document, "SiteSettings", api.get("/settings").json(), strictly=True) == []
    for name, path in (("Post", "/posts"), ("Page", "/pages")):
        listed = api.get(path).json()
        assert wrong_with(document, f"{name}List", listed, strictly=True) == []
        assert wrong_with(document, f"{name}Summary", listed["items"][0], strictly=True) == []


@pytest.mark.django_db
def test_what_editors_read_is_exactly_the_working_shape(document, api: Api):
    post, page = make_post(published=False), make_page()
    token = token_for(make_user("author"))

    assert wrong_with(document, "WorkingPost", api.get(f"/posts/{post.pk}", token=token).json(), strictly=True) == []
    assert wrong_with(document, "WorkingPage", api.get(f"/pages/{page.pk}", token=token).json(), strictly=True) == []
    assert wrong_with(document, "WorkingSettings", api.get("/settings", token=token).json(), strictly=True) == []
    listed = api.get("/posts?status=draft", token=token).json()
    assert wrong_with(document, "WorkingPostList", listed, strictly=True) == []
    assert wrong_with(document, "WorkingPostSummary", listed["items"][0], strictly=True) == []


@pytest.mark.django_db
def test_a_write_answers_exactly_the_written_shape(document, api: Api):
    token = token_for(make_user("admin"))

    post = api.post("/posts", {"title": "A", "body": "<script>x</script>"}, token=token).json()
    page = api.post("/pages", {"title": "A", "meta_title": "x" * 80}, token=token).json()
    settings = api.patch("/settings", {"tagline": "New"}, token=token).json()

    assert (len(post["sanitised"]), len(page["warnings"])) == (1, 1)
    for name, answer in (("Post", post), ("Page", page), ("Settings", settings)):
        assert wrong_with(document, f"Written{name}", answer, strictly=True) == []


@pytest.mark.django_db
def test_picked_fields_and_refusals_have_their_shapes(document, api: Api):
    post = make_post()

    picked = api.get(f"/posts/{post.slug}?fields=tags,title").json()
    refused = api.get("/posts?fields=secret")

    assert (set(picked), wrong_with(document, "PostFields", picked, strictly=True)) == ({"title", "tags"}, [])
    assert wrong_with(document, "Problem", refused.json(), strictly=True) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_the_parameter_fields_names_what_everybody_may_pick_and_tells_what_a_token_adds(document, kind):
    name = "getSettings" if kind == Kind.SETTINGS else f"get{kind.label}"
    (parameter,) = (one for one in operations(document)[name]["parameters"] if one["name"] == "fields")

    assert tuple(parameter["schema"]["items"]["enum"]) == FIELDS[kind]
    assert (parameter["style"], parameter["explode"]) == ("form", False)
    for extra in set(shapes.editor_fields(kind)) - set(FIELDS[kind]):
        assert f"`{extra}`" in parameter["description"]


@pytest.mark.django_db
def test_what_was_read_may_be_sent_back_whole(document, api: Api):
    token = token_for(make_user("admin"))
    for path, name in (("/posts", "PostInput"), ("/pages", "PageInput")):
        made = api.post(path, {"title": "A"}, token=token).json()

        assert wrong_with(document, name, made) == []
        assert api.put(f"{path}/{made['id']}", made, token=token).status_code == 200


# --- Limits: the document and the server judge alike -----------------------------------------------------------------

IGNORED = ("id", "status", "created_at", "updated_by", "sanitised")
UNKNOWN = ("titel", "state", "version")
JUDGED: dict[str, list[Any]] = {
    "title": ["", " ", "\nx\n", "x" * 200, "x" * 201, "two\nlines", "tab\there", "é", "a\u2028b", 5, None],
    "slug": ["a-b", "", "A", "a--b", "-a", "é", "a b", "x" * 200, "x" * 201, None],
    "excerpt": ["", "two\nlines", "x" * 500, "x" * 501, 1],
    "author": ["", "\x1fx\x85", " ", "a\x1bb", "x" * 200, "x" * 201],
    "body": ["", "<p>x</p>", 1, None],
    "published": [True, False, "true", 1, None],
    "tags": [[], ["a", "a"], [""], [" "], ["a\nb"], ["x" * 50], ["x" * 51], [1], "a", None],
    "featured_image_url": [
        *("", "/", " /a.jpg\n", "https://a.example.com/b?c=d#e", "http://a:80", "/" + "x" * 499),
        *(
            "//a",
            "a.jpg",
            "\\a",
            "/a\\b",
            "/`",
            "/a b",
            '/"',
            "/" + "x" * 500,
            1,
            "https://",
            "https://me@example.com/",
        ),
        *("javascript:x", "data:x", "ftp://a"),
    ],
    **{name: ["x"] for name in (*IGNORED, *UNKNOWN)},
}
JUDGED["tags"] += [[str(n) for n in range(count)] for count in (30, 31)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in JUDGED.items() for value in values],
    ids=lambda value: ascii(value)[:40],
)
def test_the_document_accepts_what_the_server_accepts(document, api: Api, field, value):
    body = {"title": "A post"} | {field: value}

    status = api.post("/posts", body, token=token_for(make_user("admin"))).status_code

    assert status in (201, 422)
    assert (wrong_with(document, "PostInput", body) == []) == (status == 201)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "links",
    [
        {},
        {"A": "https://a.example.com"},
        {"A": ""},
        {"A": "x"},
        {"": "/a"},
        {" ": "/a"},
        {"x" * 51: "/a"},
        {"A": 1},
        [],
    ],
)
def test_the_document_judges_links_as_the_server_does(document, api: Api, links):
    body = {"site_name": "A site", "social_links": links}

    status = api.put("/settings", body, token=token_for(make_user("admin"))).status_code

    assert status in (200, 422)
    assert (wrong_with(document, "SettingsInput", body) == []) == (status == 200)


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["", "&status=all"])
@pytest.mark.parametrize(("name", "limit"), [("q", 100), ("tag", 50), ("author", 200)])
def test_both_lists_hold_filters_to_the_documented_limits(document, api: Api, name, limit, status):
    (parameter,) = (one for one in operations(document)["listPosts"]["parameters"] if one["name"] == name)
    token = token_for(make_user("author"))

    answered = {
        text: api.get(f"/posts?{name}={text}{status}", token=token).status_code
        for text in ("x", "x" * limit, "x" * (limit + 1), "", "%20")
    }

    assert parameter["schema"]["maxLength"] == limit
    assert list(answered.values()) == [200, 200, 422, 422, 422]
