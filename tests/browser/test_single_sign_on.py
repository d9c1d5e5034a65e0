"""The button on the admin's login page, clicked in a real browser, with a real provider behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.sso.house import House, opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("sso"), OIDC_CREATE_USERS="1") as found:
        yield found


def local_alone(route: Route) -> None:
    """The provider's pages ask for a font from elsewhere."""
    is_local = route.request.url.startswith(("http://127.0.0.1:", "http://localhost:", "data:"))
    route.continue_() if is_local else route.abort()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(15_000)
    made.route("**/*", local_alone)
    yield made
    made.close()


def log_in(page: Page, name: str) -> None:
    page.get_by_role("link", name="Log in with the office account").click()
    page.get_by_placeholder("Enter any login").fill(name)
    page.get_by_placeholder("and password").fill("x")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_the_button_leads_to_the_page_that_was_asked_for(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    troubles: list[str] = []
    page.goto(f"{house.address}/admin/accounts/user/")
    page.on("console", lambda one: troubles.append(one.text) if one.type == "error" else None)

    log_in(page, "a1")

    page.wait_for_url(f"{house.address}/admin/accounts/user/")
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    cookies = {one["name"]: one for one in context.cookies(house.address)}
    assert cookies["sessionid"]["httpOnly"]
    assert not {"stitch_sso", "stitch_sso_desk"} & cookies.keys()
    assert [one for one in troubles if "fonts.googleapis.com" not in one and "ERR_FAILED" not in one] == []


def test_whoever_may_not_enter_reads_why_and_finds_back(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(f"{house.address}/admin/")

    log_in(page, "stranger")

    expect(page.get_by_text("You are known, and you may not use the admin")).to_be_visible()
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_role("link", name="Log in with the office account")).to_be_visible()


def test_whoever_cancels_reads_it(context: BrowserContext, house: House) -> None:
    page = context.new_page()
    page.goto(f"{house.address}/admin/")
    page.get_by_role("link", name="Log in with the office account").click()

    page.get_by_role("link", name="Cancel").click()

    expect(page.get_by_text("The identity provider did not let you in")).to_be_visible()
