"""The API's own pages: what they are made of, and that nobody else is asked for any of it."""

import re
from pathlib import Path

import pytest

from core.api import problems
from tests.conftest import Api

STATIC = Path(__file__).parent.parent.parent / "core" / "static" / "api"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/problems", "/problems/not_found"])
def test_a_page_comes_with_a_policy_that_lets_nothing_in_from_outside(api: Api, path: str) -> None:
    response = api.get(f"/{path}", headers=BROWSER)

    policy = dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))
    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert "unsafe" not in response["Content-Security-Policy"] and "http" not in response["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/problems"])
def test_a_page_names_no_other_host_and_holds_no_script_of_its_own(api: Api, path: str) -> None:
    page = api.get(f"/{path}", headers=BROWSER).content.decode()

    assert re.findall(r"""(?:src|href)=["'](?!/)[^"']*""", page) == []
    assert "//" not in re.sub(r"<!doctype html>", "", page)
    assert re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", page) == []


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_our_scripts_and_styles_name_no_other_host(file: Path) -> None:
    assert re.findall(r"(?:https?:)?//\w", file.read_text()) == []


def test_the_document_is_served_with_a_tag_and_sent_once(api: Api) -> None:
    first = api.get("//api/schema")
    again = api.get("//api/schema", headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, first["Content-Type"]) == (200, "application/json")
    assert first.json()["openapi"] == "3.1.0"
    assert (again.status_code, again.content) == (304, b"")


def test_the_root_leads_to_the_documentation(api: Api) -> None:
    response = api.get("//")

    assert (response.status_code, response["Location"]) == (302, "/docs")


def test_a_browser_that_follows_the_type_of_a_problem_finds_words(api: Api) -> None:
    refused = api.get("//api/v1/nothing").json()

    page = api.get(f"/{refused['type']}", headers=BROWSER).content.decode()

    assert f"<h2>{refused['title']}</h2>" in page and "<code>not_found</code>" in page


def test_a_program_that_follows_it_finds_the_same_as_json(api: Api) -> None:
    response = api.get("//problems/not_found")

    assert (response["Content-Type"], response["Vary"]) == ("application/json", "Accept")
    assert response.json() == {
        "code": "not_found",
        "title": "Nothing is found here",
        "status": 404,
        "meaning": "Nothing is found here, or nothing that you may see.",
    }


def test_the_list_of_problems_has_every_one(api: Api) -> None:
    listed = api.get("//problems").json()["problems"]

    assert {one["code"] for one in listed} == set(problems.catalogue())
    assert [one["status"] for one in listed] == sorted(one["status"] for one in listed)


def test_an_unknown_problem_is_one_itself(api: Api) -> None:
    response = api.get("//problems/nonsense", headers=BROWSER)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/api/schema", "/problems", "/healthz", "/readyz"])
def test_what_is_only_read_takes_no_other_method(api: Api, path: str) -> None:
    posted, asked, traced = (api.request(method, f"/{path}") for method in ("POST", "OPTIONS", "TRACE"))

    assert (posted.status_code, posted["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert posted.json()["code"] == traced.json()["code"] == "method_not_allowed"
    assert (asked.status_code, asked["Allow"], asked.content) == (204, "GET, HEAD, OPTIONS", b"")
