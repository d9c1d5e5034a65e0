"""How often a client may present credentials, and who counts as one client."""

from urllib.parse import urlencode

import pytest
from django.test import Client, RequestFactory

from accounts import limits
from core import addresses, errors
from tests.factories import PASSWORD, make_user, pair_for

NOON = "2026-03-01 12:00:00Z"


@pytest.fixture(autouse=True)
def five_a_minute(settings, time_machine):
    """At a fixed time, so that no test runs across the edge between two windows."""
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/m"
    time_machine.move_to(NOON, tick=False)


def request_from(address: str = "192.0.2.1", forwarded: str | None = None):
    extra = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().post("/", REMOTE_ADDR=address, **extra)


def admitted(requests) -> list[bool]:
    found = []
    for request in requests:
        try:
            limits.count(request)
        except limits.TooManyAttempts:
            found.append(False)
        else:
            found.append(True)
    return found


# --- Whose address ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (0, None, "192.0.2.1"),
        (0, "203.0.113.9", "192.0.2.1"),
        (0, "203.0.113.9, 203.0.113.8", "192.0.2.1"),
        (1, None, "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.66,198.51.100.67,203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.66, unknown", "192.0.2.1"),
        (1, "198.51.100.66, ", "192.0.2.1"),
        (2, "203.0.113.9", "192.0.2.1"),
        (2, "203.0.113.9, 203.0.113.8", "203.0.113.9"),
        (2, "198.51.100.66, 203.0.113.9, 203.0.113.8", "203.0.113.9"),
        (2, "198.51.100.66, <script>, 203.0.113.8", "192.0.2.1"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::9]:4711", "2001:db8::9"),
        (1, "[2001:db8::9]", "2001:db8::9"),
        (1, "2001:DB8:0:0::9", "2001:db8::9"),
        (1, "fe80::9%eth0", "fe80::9"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[::ffff:203.0.113.9]:4711", "203.0.113.9"),
        (1, "1.2.3", "192.0.2.1"),
        (1, "0x7f.1", "192.0.2.1"),
        (1, "1" * 10_000, "192.0.2.1"),
    ],
)
def test_the_address_is_the_one_that_the_outermost_trusted_proxy_saw(hops, forwarded, expected, settings):
    settings.TRUSTED_PROXY_COUNT = hops

    assert addresses.client_address(request_from(forwarded=forwarded)) == expected


@pytest.mark.parametrize(("address", "expected"), [("", ""), ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "::1")])
def test_the_servers_own_view_of_the_address(address, expected):
    assert addresses.client_address(request_from(address)) == expected


def test_other_headers_are_not_read(settings):
    settings.TRUSTED_PROXY_COUNT = 1
    names = ("HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_CF_CONNECTING_IP", "HTTP_TRUE_CLIENT_IP", "HTTP_CLIENT_IP")
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.1", **dict.fromkeys(names, "203.0.113.9"))

    assert addresses.client_address(request) == "192.0.2.1"


# --- How often -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_sixth_attempt_in_a_minute_is_refused_and_told_how_long_to_wait():
    assert admitted(request_from() for _ in range(5)) == [True] * 5

    with pytest.raises(errors.TooManyRequests) as refused:
        limits.count(request_from())

    assert (refused.value.code, 1 <= refused.value.retry_after <= 60) == ("too_many_attempts", True)


@pytest.mark.django_db
def test_whoever_waits_as_long_as_told_is_admitted_again(time_machine):
    admitted(request_from() for _ in range(5))
    with pytest.raises(limits.TooManyAttempts) as refused:
        limits.count(request_from())

    time_machine.shift(refused.value.retry_after)

    assert admitted([request_from()] * 2) == [True] * 2


@pytest.mark.django_db
def test_at_the_very_edge_of_a_window_one_is_told_to_wait_a_second(time_machine):
    admitted(request_from() for _ in range(5))
    with pytest.raises(limits.TooManyAttempts) as refused:
        limits.count(request_from())
    time_machine.shift(refused.value.retry_after - 1)
    admitted(request_from() for _ in range(5))

    with pytest.raises(limits.TooManyAttempts) as refused:
        limits.count(request_from())

    assert refused.value.retry_after >= 1


@pytest.mark.django_db
def test_another_address_has_its_own_budget():
    admitted(request_from() for _ in range(6))

    assert admitted([request_from("192.0.2.2")]) == [True]


@pytest.mark.django_db
def test_one_network_of_ipv6_is_one_client_and_the_next_is_another():
    same = [request_from(f"2001:db8:0:1::{n}") for n in range(6)]

    assert admitted([*same, request_from("2001:db8:0:2::1")]) == [True] * 5 + [False, True]


@pytest.mark.django_db
def test_an_ipv4_client_is_the_same_one_over_ipv6():
    requests = [request_from("192.0.2.1"), *[request_from("::ffff:192.0.2.1")] * 5]

    assert admitted(requests) == [True] * 5 + [False]


@pytest.mark.django_db
def test_clients_without_an_address_share_one_budget():
    assert admitted(request_from("") for _ in range(6)) == [True] * 5 + [False]


@pytest.mark.parametrize("hops", [0, 1, 2])
@pytest.mark.django_db
def test_no_byte_that_a_client_sends_moves_the_limit(hops, settings):
    settings.TRUSTED_PROXY_COUNT = hops
    seen_by_proxies = ", ".join(["203.0.113.9", "203.0.113.8"][:hops])

    requests = [request_from(forwarded=f"198.51.100.{n}, {seen_by_proxies}") for n in range(6)]

    assert admitted(requests) == [True] * 5 + [False]


@pytest.mark.django_db
def test_the_rate_is_a_setting(settings):
    settings.AUTH_RATE = "2/h"

    assert admitted(request_from() for _ in range(3)) == [True, True, False]


def test_switched_off_nothing_is_counted(settings):
    settings.RATELIMIT_ENABLE = False

    assert admitted(request_from() for _ in range(20)) == [True] * 20


# --- The doors -------------------------------------------------------------------------------------------------------


def knock(api, door: str):
    if door == "admin":
        return Client().post("/admin/login/", {"username": "a@example.com", "password": "x"})
    if door == "token":
        form = urlencode({"grant_type": "password", "username": "a@example.com", "password": "x"}).encode()
        return api.post("/auth/token", raw=form, content_type="application/x-www-form-urlencoded")
    if door == "login":
        return api.post("/auth/login", {"email": "a@example.com", "password": "x"})
    return api.post(f"/auth/{door}", {"refresh_token": "x"})


DOORS = ["login", "token", "refresh", "logout", "admin"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.django_db
def test_all_doors_share_one_budget(api, door):
    statuses = [knock(api, one).status_code for one in DOORS]

    refused = knock(api, door)

    assert 429 not in statuses
    assert (refused.status_code, 1 <= int(refused["Retry-After"]) <= 60) == (429, True)


@pytest.mark.django_db
def test_a_refused_client_gets_a_problem_body(api):
    for _ in range(5):
        knock(api, "login")

    response = knock(api, "login")

    assert (response["Content-Type"], response.json()["code"]) == ("application/problem+json", "too_many_attempts")


@pytest.mark.django_db
def test_beyond_the_limit_the_right_password_opens_nothing(api):
    user = make_user()
    for _ in range(5):
        knock(api, "login")

    response = api.post("/auth/login", {"email": user.email, "password": PASSWORD})

    assert (response.status_code, user.token_families.count()) == (429, 0)


@pytest.mark.django_db
def test_a_success_counts_like_a_failure(api):
    user = make_user()

    statuses = [api.post("/auth/login", {"email": user.email, "password": PASSWORD}).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]


@pytest.mark.parametrize(("raw", "status"), [(b"{", 415), (b"", 422), (b"[]", 415), (b'{"refresh_token": 1}', 415)])
@pytest.mark.django_db
def test_an_unreadable_attempt_counts_and_429_comes_first(api, raw, status):
    statuses = [api.post("/auth/refresh", raw=raw, content_type="text/plain").status_code for _ in range(6)]

    assert statuses == [status] * 5 + [429]


@pytest.mark.django_db
def test_reading_does_not_count(api):
    pair = pair_for(make_user())

    statuses = {api.get("/auth/me", token=pair.access_token).status_code for _ in range(10)}

    assert (statuses, knock(api, "login").status_code) == ({200}, 401)
