"""Single sign-on is there where its settings are, and nowhere else."""

import json
from typing import Any

import pytest

from accounts.models import Role
from cms_project import single_sign_on
from tests.conftest import Api
from tests.house.commands import KEY, manage, python

COMPLETE = {
    "OIDC_ISSUER": "https://login.example.com",
    "OIDC_CLIENT_ID": "stitch",
    "OIDC_CLIENT_SECRET": "very-secret",
}

MODULES = """
import json, os, sys, django
{before}
from cms_project import starting
starting.load_settings()
django.setup()
import cms_project.urls
from django.urls import get_resolver
names = [name for name in get_resolver().reverse_dict if isinstance(name, str) and "sso" in name]
loaded = [name for name in sys.modules if name.startswith("accounts.sso")]
print(json.dumps([sorted(names), sorted(loaded)]))
"""


def started(before: str = "", **variables: str) -> Any:
    return python("-c", MODULES.format(before=before), SECRET_KEY=KEY, **variables)


def test_without_its_settings_nothing_of_it_is_imported_or_routed() -> None:
    assert json.loads(started().stdout) == [[], []]


def test_with_them_it_is() -> None:
    names, loaded = json.loads(started(**COMPLETE).stdout)

    assert names == ["admin-sso-finish", "admin-sso-start", "sso-callback", "sso-exchange", "sso-start"]
    assert "accounts.sso.flow" in loaded


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/auth/sso/start"), ("GET", "/auth/sso/callback"), ("POST", "/auth/sso/exchange")],
)
def test_without_its_settings_no_route_answers(api: Api, method: str, path: str) -> None:
    assert api.request(method, path).status_code == 404


@pytest.mark.django_db
def test_without_its_settings_the_login_page_has_no_button(client: Any) -> None:
    page = client.get("/admin/login/")

    assert (page.status_code, b"sso" in page.content) == (200, False)


@pytest.mark.django_db
def test_with_them_it_has_one_that_remembers_the_page(client: Any, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.sso.urls"
    settings.OIDC_ISSUER, settings.OIDC_NAME = "https://login.example.com", "the <office> account"

    page = client.get("/admin/login/?next=/admin/accounts/user/%3Fq%3Da").content.decode()

    assert 'href="/admin/sso/start?next=%2Fadmin%2Faccounts%2Fuser%2F%3Fq%3Da"' in page
    assert "Log in with the &lt;office&gt; account" in page


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_ISSUER is set and OIDC_CLIENT_SECRET is not: single sign-on needs both."),
        ({"OIDC_ISSUER": ""}, "OIDC_CLIENT_ID is set and OIDC_ISSUER is not: single sign-on needs both."),
        ({"OIDC_ISSUER": "http://login.example.com"}, "OIDC_ISSUER must be https://"),
        ({"OIDC_ISSUER": "https://login.example.com?x=1"}, "OIDC_ISSUER must be https://"),
        ({"OIDC_ISSUER": "https://a:b@login.example.com"}, "OIDC_ISSUER must be https://"),
        ({"OIDC_SCOPES": "email"}, "OIDC_SCOPES must be names of scopes, openid among them"),
        ({"OIDC_ROLES": "heads:boss", "OIDC_ROLE_CLAIM": "groups"}, "OIDC_ROLES must be value:role pairs"),
        ({"OIDC_ROLES": "heads", "OIDC_ROLE_CLAIM": "groups"}, "OIDC_ROLES must be value:role pairs"),
        ({"OIDC_ROLES": "heads:admin"}, "OIDC_ROLE_CLAIM and OIDC_ROLES belong together"),
        ({"OIDC_ROLE_CLAIM": "groups"}, "OIDC_ROLE_CLAIM and OIDC_ROLES belong together"),
        ({"OIDC_CREATE_USERS": "perhaps"}, "OIDC_CREATE_USERS must be 1 or 0"),
    ],
)
def test_settings_that_cannot_work_refuse_the_start_in_one_sentence(changed: dict[str, str], sentence: str) -> None:
    answer = manage("migrate", SECRET_KEY=KEY, **{**COMPLETE, **changed})

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Stitch does not start: {sentence}")
    assert len(answer.stderr.splitlines()) == 1
    assert "very-secret" not in answer.stderr


def test_without_its_packages_the_start_is_refused_in_one_sentence() -> None:
    without = "sys.modules['requests'] = None"

    refused, off = started(without, **COMPLETE), started(without)

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "Stitch does not start: OIDC_ISSUER is set and the packages for it are not installed: run `make install-sso`."
    ]
    assert off.returncode == 0


def test_the_doctor_names_what_is_missing() -> None:
    answer = manage("doctor", SECRET_KEY=KEY, **{**COMPLETE, "OIDC_CLIENT_ID": ""})

    assert "OIDC_ISSUER is set and OIDC_CLIENT_ID is not: single sign-on needs both." in answer.stdout


def test_what_roles_are_mapped_to_is_told() -> None:
    plain = single_sign_on.roles("cms-admins:admin, urn:group:writers:author")
    as_json = single_sign_on.roles('{"Editors, all": "approver"}')

    assert plain == {"cms-admins": "admin", "urn:group:writers": "author"}
    assert as_json == {"Editors, all": "approver"}
    assert set(single_sign_on.ROLES) == set(Role.values)


@pytest.mark.parametrize("raw", ["", "a:admin,a:author", ":admin", "{", "[]", '{"a": 1}', '{"a": ["admin"]}'])
def test_a_mapping_that_cannot_be_understood_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        single_sign_on.roles(raw)


def test_the_document_of_a_server_with_it_is_valid_and_without_warnings(tmp_path: Any) -> None:
    file = tmp_path / "openapi.yaml"

    answer = manage(
        "spectacular", "--validate", "--fail-on-warn", "--file", str(file), SECRET_KEY=KEY, DEBUG="1", **COMPLETE
    )

    assert answer.returncode == 0, answer.stderr
    written = file.read_text()
    assert all(f"/api/v1/auth/sso/{step}:" in written for step in ("start", "callback", "exchange"))
