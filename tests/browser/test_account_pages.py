"""The pages that links in mails lead to, in a real browser that runs no script."""

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [390, 1280])
def test_a_form_without_scripts_is_taken_for_our_own(browser: Browser, server: str, width: int) -> None:
    """Only a browser shows whether the referrer policy leaves the ``Origin`` that the CSRF protection asks for."""
    context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=False)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on(
        "request", lambda request: None if request.url.startswith((server, "data:")) else troubles.append(request.url)
    )
    page.goto(f"{server}/password-reset")

    page.get_by_label("E-mail").fill("unknown@example.com")
    page.get_by_role("button").click()

    assert page.get_by_role("heading").text_content() == "Look into your mailbox"
    assert (page.url, troubles) == (f"{server}/password-reset", [])
    context.close()


def test_the_token_of_a_link_is_told_to_nothing_that_its_page_loads(browser: Browser, server: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    told: list[str] = []
    page.on("request", lambda request: told.append(request.all_headers().get("referer", "")))

    page.goto(f"{server}/password-reset?token=a-secret")

    assert page.get_by_role("heading").text_content() == "This link is not valid, or no longer"
    assert (len(told) > 1, [one for one in told if "a-secret" in one]) == (True, [])
    context.close()
