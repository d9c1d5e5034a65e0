"""The API's pages in a real browser: they draw, nobody else is asked for anything, and one can log in and try."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import EMAIL, PASSWORD, Editor

pytestmark = pytest.mark.browser


@pytest.fixture
def reader(browser: Browser, server: str) -> Iterator[Editor]:
    """Somebody who has not logged in anywhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(15_000)
    yield Editor(context, server)
    context.close()


def test_one_logs_in_with_e_mail_and_password_and_tries_an_operation(reader: Editor) -> None:
    page = reader.open("/docs")

    page.locator("button.authorize").first.click()
    page.locator("#oauth_username").fill(EMAIL)
    page.locator("#oauth_password").fill(PASSWORD)
    page.locator(".auth-container", has=page.locator("#oauth_username")).locator("button.authorize").click()
    expect(page.get_by_text("Authorized", exact=True)).to_be_visible()
    page.reload()
    page.locator("#operations-account-me .opblock-summary-control").click()
    page.locator("#operations-account-me .try-out__btn").click()
    page.locator("#operations-account-me .execute").click()

    answer = page.locator("#operations-account-me .live-responses-table tr.response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer.locator(".response-col_description")).to_contain_text(EMAIL)
    assert reader.troubles == []


def test_redoc_draws_the_document_without_asking_anybody_else(reader: Editor) -> None:
    page = reader.open("/redoc")

    expect(page.get_by_role("heading", name="List posts")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert reader.troubles == []


def test_the_list_of_problems_is_a_page(reader: Editor) -> None:
    page = reader.open("/problems")

    expect(page.get_by_role("heading", name="The content is invalid")).to_be_visible()
    assert reader.troubles == []
