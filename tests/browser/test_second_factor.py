"""Second factors and passkeys of the admin, with an authenticator that Chromium plays."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PASSWORD, Editor, serving, visiting

pytestmark = pytest.mark.browser

SECURITY = "/admin/security/"


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path) -> Iterator[Editor]:
    """Before a server of their own: what is set up here locks nobody else out."""
    with serving(tmp_path) as address, visiting(browser, address) as someone:
        yield someone


def code_of(secret: str, step: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step)))


def press(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def with_password(page: Page, summary: str, button: str) -> None:
    page.get_by_text(summary, exact=True).click()
    page.locator("details[open]").get_by_label("Your password").fill(PASSWORD)
    press(page, button)


def log_out(page: Page) -> None:
    with page.expect_navigation():
        page.evaluate("document.getElementById('logout-form').requestSubmit()")


def device(page: Page) -> str:
    """A platform authenticator whose user always agrees. Returns its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made: str = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return made


def test_an_app_is_set_up_and_asked_for_at_the_next_login(visitor: Editor) -> None:
    visitor.log_in()
    page = visitor.open(SECURITY)

    with_password(page, "Set up an app", "Go on")
    secret = page.locator(".desk-secret").inner_text()
    page.get_by_label("Six digits").fill(code_of(secret, step=-1))
    press(page, "Confirm")
    codes = page.locator(".desk-codes li").all_inner_texts()
    page.goto(visitor.address + SECURITY)
    log_out(page)
    step = visitor.first_step("/admin/content/page/")
    step.locator("#code").fill("000000")
    press(step, "Log in")
    refused = step.get_by_text("This code is wrong").count()
    step.locator("#code").fill(code_of(secret))
    press(step, "Log in")

    assert (len(codes), refused) == (10, 1)
    assert step.url == f"{visitor.address}/admin/content/page/"
    assert visitor.troubles == []


def test_a_recovery_code_opens_once(visitor: Editor) -> None:
    visitor.log_in()
    page = visitor.open(SECURITY)
    with_password(page, "Set up an app", "Go on")
    page.get_by_label("Six digits").fill(code_of(page.locator(".desk-secret").inner_text()))
    press(page, "Confirm")
    code = page.locator(".desk-codes li").first.inner_text()
    page.goto(visitor.address + SECURITY)
    log_out(page)

    step = visitor.first_step()
    step.locator("#code").fill(code)
    press(step, "Log in")
    inside = step.get_by_text("Welcome").count()
    log_out(step)
    again = visitor.first_step()
    again.locator("#code").fill(code)
    press(again, "Log in")

    assert inside > 0
    assert again.get_by_text("This code is wrong").count() == 1


def test_a_passkey_logs_in_with_and_without_the_password(visitor: Editor) -> None:
    visitor.log_in()
    page = visitor.open(SECURITY)
    device(page)
    page.get_by_text("Add a passkey", exact=True).click()
    page.get_by_label("Name").fill("Laptop")
    page.locator("details[open]").get_by_label("Your password").fill(PASSWORD)
    press(page, "Go on")
    press(page, "Create")
    added = page.get_by_text("The passkey was added").count()
    page.goto(visitor.address + SECURITY)
    log_out(page)

    page.goto(f"{visitor.address}/admin/login/?next=/admin/content/page/")
    press(page, "Use a passkey instead")
    without = page.url
    log_out(page)
    page.goto(f"{visitor.address}/admin/login/")
    page.get_by_label("E-mail").fill("editor@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")
    press(page, "Use a passkey")
    page.goto(visitor.address + SECURITY)

    assert added == 1
    assert without == f"{visitor.address}/admin/content/page/"
    assert re.search(r"last used on", page.locator(".desk-keys").inner_text())
    assert visitor.troubles == []


def test_without_a_passkey_the_login_says_so(visitor: Editor) -> None:
    page = visitor.open("/admin/login/")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    page.get_by_role("button", name="Use a passkey instead").click()

    page.get_by_text("No passkey was used.").wait_for()
