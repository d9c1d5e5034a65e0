"""What the OpenAPI document says about logging in."""

from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from accounts.api import urls
from tests.factories import PASSWORD, make_user, pair_for

DOORS = ["login", "token", "refresh", "logout"]
TAGS = {"auth", "account", "second-factors"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Of the addresses of this app alone."""
    made: dict[str, Any] = SchemaGenerator(patterns=urls.urlpatterns).get_schema(request=None, public=True)
    made["paths"] = {path: item for path, item in made["paths"].items() if path.startswith("/auth/")}
    return made


def test_the_document_is_made_without_a_warning(document):
    about_us = [
        path for path in GENERATOR_STATS._warn_cache | GENERATOR_STATS._error_cache if "/accounts/" in str(path)
    ]

    assert about_us == []


def test_every_operation_is_named_tagged_summarised_and_described(document):
    operations = {one["operationId"]: path for path, item in document["paths"].items() for one in item.values()}

    assert {f"/auth/{name}" for name in [*DOORS, "me"]} == {operations[name] for name in [*DOORS, "me"]}
    for one in (one for item in document["paths"].values() for one in item.values()):
        assert (one["tags"][0] in TAGS, bool(one["summary"]), bool(one["description"])) == (True, True, True)
        assert all("$ref" in answer or answer["description"] for answer in one["responses"].values())


def test_the_doors_need_no_token_and_who_am_i_takes_one_or_an_api_key(document):
    of_me = document["paths"]["/auth/me"]["get"]["security"]
    assert of_me == [{"bearerAuth": []}, {"passwordAuth": []}, {"apiKeyAuth": []}]
    assert [document["paths"][f"/auth/{door}"]["post"]["security"] for door in DOORS] == [[{}]] * 4
    assert {name: scheme["type"] for name, scheme in document["components"]["securitySchemes"].items()} == {
        "bearerAuth": "http",
        "passwordAuth": "oauth2",
        "apiKeyAuth": "apiKey",
    }


@pytest.mark.django_db
def test_authorize_finds_the_door_that_the_document_names(document, api):
    user = make_user()
    flow = document["components"]["securitySchemes"]["passwordAuth"]["flows"]["password"]
    form = f"grant_type=password&username={user.email}&password={PASSWORD}".encode()

    response = api.post(f"/{flow['tokenUrl']}", raw=form, content_type="application/x-www-form-urlencoded")

    assert (response.status_code, flow["scopes"]) == (200, {})


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.django_db
def test_the_examples_have_exactly_the_documented_fields(document, api, door):
    content = document["paths"][f"/auth/{door}"]["post"]["requestBody"]["content"]
    (body,) = content.values()
    name = body["schema"]["$ref"].rpartition("/")[2]
    (example,) = body["examples"].values()

    properties = document["components"]["schemas"][name]

    assert set(properties.get("required", [])) <= set(example["value"]) <= set(properties["properties"])


@pytest.mark.django_db
def test_an_answer_has_exactly_the_documented_fields(document, api):
    schemas = document["components"]["schemas"]

    pair = api.post("/auth/refresh", {"refresh_token": pair_for(make_user()).refresh_token}).json()

    assert set(pair) == set(schemas["TokenPair"]["properties"]) == set(schemas["TokenPair"]["required"])
    assert set(pair["user"]) == set(schemas["User"]["properties"]) == set(schemas["User"]["required"])


@pytest.mark.parametrize(
    ("component", "field"),
    [
        ("User", "display_name"),
        ("Me", "display_name"),
        ("ManagedUserSummary", "display_name"),
        ("ManagedUser", "display_name"),
        ("Session", "user_agent"),
    ],
)
def test_what_may_be_empty_in_an_answer_is_not_said_to_be_longer(document, component, field):
    shape = document["components"]["schemas"][component]["properties"][field]

    assert shape.get("minLength", 0) == 0
