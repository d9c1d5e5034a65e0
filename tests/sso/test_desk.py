"""Single sign-on at the admin, and the command that links by hand."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from accounts.models import AuditEntry, ExternalIdentity, User
from accounts.sso import flow
from tests.conftest import Api
from tests.factories import make_user
from tests.sso.forger import Forger
from tests.sso.steps import callback, sent_to_provider

pytestmark = pytest.mark.django_db


def begin(client: Client, office: Forger, **query: str) -> dict[str, str]:
    sent = sent_to_provider(client.get(f"/admin/sso/start?{urlencode(query)}"))
    office.claims["nonce"] = sent["nonce"]
    return sent


def finish_address(client: Client, office: Forger, **query: str) -> str:
    """Where the callback sends the browser that began; the API's part goes through the API's own client."""
    sent, api = begin(client, office, **query), Api()
    api.client.cookies = client.cookies
    location: str = callback(api, state=sent["state"], code="c-1")["Location"]
    assert location.startswith("http://localhost:8000/admin/sso/finish?"), location
    return location.removeprefix("http://localhost:8000")


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_somebody_who_may_use_the_admin_is_in(client: Client, office: Forger, author: User) -> None:
    page = client.get(finish_address(client, office))

    assert (page.status_code, page["Location"]) == (302, "/admin/")
    assert is_in(client)
    entry = AuditEntry.objects.get(action="auth.login")
    assert (entry.actor_id, entry.facts) == (author.pk, {"door": "admin", "means": "oidc"})


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/admin/content/page/?q=a", "/admin/content/page/?q=a"),
        ("", "/admin/"),
        ("https://evil.example.com/", "/admin/"),
        ("//evil.example.com/admin/", "/admin/"),
        ("/administrator", "/admin/"),
        ("/admin/" + "a" * 600, "/admin/"),
    ],
)
def test_nobody_is_sent_out_of_the_admin(
    client: Client, office: Forger, author: User, wanted: str, target: str
) -> None:
    page = client.get(finish_address(client, office, next=wanted))

    assert page["Location"] == target


def refused(page: HttpResponse, status: int, words: str) -> bool:
    return page.status_code == status and words in page.content.decode()


def test_somebody_who_may_not_is_told_so(client: Client, office: Forger, author: User) -> None:
    author.groups.clear()

    page = client.get(finish_address(client, office))

    assert refused(page, 403, "You are known, and you may not use the admin")
    assert not is_in(client)


def test_what_the_callback_found_is_told_in_words(client: Client, office: Forger) -> None:
    page = client.get(finish_address(client, office))

    assert refused(page, 403, "You have no account here that may log in")
    assert not is_in(client)


def test_an_outage_in_the_middle_is_no_fault_of_the_person(client: Client, office: Forger, author: User) -> None:
    begin(client, office)

    assert refused(client.get("/admin/sso/finish?sso_error=sso_unavailable"), 503, "is not available at the moment")


@pytest.mark.parametrize("code", ["<b>you won</b>", "not_found", "sso_nothing", ""])
def test_nobody_writes_words_of_their_own_into_the_page(client: Client, office: Forger, code: str) -> None:
    begin(client, office)

    page = client.get(f"/admin/sso/finish?{urlencode({'sso_error': code})}")

    assert refused(page, 403, "The identity provider did not let you in")
    assert "you won" not in page.content.decode()


def test_a_code_works_in_the_browser_that_began_and_once(client: Client, office: Forger, author: User) -> None:
    address = finish_address(client, office)
    other = Client()
    begin(other, office)

    pages = [Client().get(address), other.get(address), client.get(address)]
    kept = dict(client.cookies)
    client.post("/admin/logout/")
    client.cookies.update(kept)

    assert [page.status_code for page in pages] == [401, 401, 302]
    assert client.get(address).status_code == 401


def test_a_cookie_that_was_tampered_with_is_refused(client: Client, office: Forger, author: User) -> None:
    address = finish_address(client, office)
    client.cookies["stitch_sso_desk"] = client.cookies["stitch_sso_desk"].value[:-1] + "?"

    assert refused(client.get(address), 401, "This login was not begun in this browser")


def test_a_login_that_took_too_long_is_refused(client: Client, office: Forger, author: User) -> None:
    begin(client, office)
    kept = client.cookies["stitch_sso_desk"].value

    with time_machine.travel(datetime.now(UTC) + flow.LIFETIME + timedelta(minutes=2)):
        client.cookies["stitch_sso_desk"] = kept
        page = client.get("/admin/sso/finish?sso_error=sso_denied")

    assert refused(page, 401, "This login was not begun in this browser")


def test_the_finish_is_a_counted_door(client: Client, office: Forger, settings: Any) -> None:
    settings.RATELIMIT_ENABLE = True

    pages = [client.get("/admin/sso/finish?sso_code=x") for _ in range(6)]

    assert [page.status_code for page in pages] == [401] * 5 + [429]
    assert int(pages[-1]["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/admin/sso/start", "/admin/sso/finish"])
def test_the_steps_are_get_alone_and_never_kept(client: Client, office: Forger, path: str) -> None:
    assert client.post(path).status_code == 405
    assert "no-store" in client.get(path)["Cache-Control"]


def test_while_the_provider_is_away_the_page_says_so(client: Client, office: Forger, settings: Any) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:1"

    page = client.get("/admin/sso/start")

    assert refused(page, 503, "Single sign-on is not available at the moment")
    assert page["Retry-After"] == "5"


def test_whoever_is_deactivated_afterwards_is_out(client: Client, office: Forger, author: User) -> None:
    client.get(finish_address(client, office))
    before = is_in(client)
    User.objects.update(is_active=False)

    assert (before, is_in(client)) == (True, False)


# --- By hand -------------------------------------------------------------------------------------------------------


def identities(*arguments: str) -> str:
    out = StringIO()
    call_command("identities", *arguments, stdout=out)
    return out.getvalue()


def test_a_provider_that_vouches_for_no_email_can_be_linked_by_hand(
    client: Client, office: Forger, author: User
) -> None:
    office.claims = {"email_verified": None}

    identities("link", "Author@example.com", "s-1")

    assert client.get(finish_address(client, office)).status_code == 302
    assert identities("list").startswith("author@example.com\ts-1\tlast used ")


def test_a_link_that_is_ended_is_gone_and_both_are_written_down(office: Forger, author: User) -> None:
    identities("link", "author@example.com", "s-1")

    identities("unlink", "author@example.com")

    assert not ExternalIdentity.objects.exists()
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "user.identity_linked",
        "user.identity_unlinked",
    ]


def test_nothing_is_linked_twice(office: Forger, author: User) -> None:
    make_user("author", email="other@example.com")
    identities("link", "author@example.com", "s-1")

    for arguments in (("link", "author@example.com", "s-2"), ("link", "other@example.com", "s-1")):
        with pytest.raises(CommandError, match="linked already"):
            identities(*arguments)
    assert ExternalIdentity.objects.count() == 1


@pytest.mark.parametrize("arguments", [("link", "nobody@example.com", "s"), ("unlink", "nobody@example.com")])
def test_nobody_is_linked_who_is_not_there(office: Forger, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="Nobody has this e-mail"):
        identities(*arguments)


def test_without_single_sign_on_there_is_nothing_to_link() -> None:
    with pytest.raises(CommandError, match="OIDC_ISSUER is not set"):
        identities("list")
