"""What each CDN is sent, to the letter of its documentation, and what is taken for a failure."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.providers import http
from delivery.providers.base import PurgeFailed, Purger
from delivery.providers.cloudflare import Cloudflare
from delivery.providers.fastly import Fastly
from delivery.providers.nginx import Nginx
from delivery.providers.varnish import Varnish
from tests.core.mail_server import certificate
from tests.delivery.cdn_server import FakeCdn, Said

TOKEN = "a-token-that-nobody-may-see"
ZONE = "0" * 32
KEYS = ["post:1", "posts"]


@pytest.fixture
def cdn() -> Iterator[FakeCdn]:
    with FakeCdn().running() as running:
        yield running


def purger(cdn: FakeCdn, kind: str) -> Purger:
    address = f"127.0.0.1:{cdn.port}"
    made: dict[str, Purger] = {
        "fastly": Fastly(service="service1", token=TOKEN, api=cdn.url),
        "cloudflare": Cloudflare(zone=ZONE, token=TOKEN, api=f"{cdn.url}/client/v4"),
        "varnish": Varnish(address=address, token=TOKEN),
        "nginx": Nginx(address=address, token=TOKEN),
    }
    return made[kind]


every_kind = pytest.mark.parametrize("kind", ["fastly", "cloudflare", "varnish", "nginx"])


def test_fastly_gets_its_keys_as_json(cdn: FakeCdn) -> None:
    purger(cdn, "fastly").purge(KEYS)
    purger(cdn, "fastly").purge_everything()

    keys, everything = cdn.requests
    assert (keys.method, keys.path, keys.json()) == ("POST", "/service/service1/purge", {"surrogate_keys": KEYS})
    assert (everything.method, everything.path, everything.body) == ("POST", "/service/service1/purge_all", b"")
    assert [one.headers["fastly-key"] for one in cdn.requests] == [TOKEN, TOKEN]
    assert "fastly-soft-purge" not in keys.headers


def test_cloudflare_gets_them_as_tags(cdn: FakeCdn) -> None:
    purger(cdn, "cloudflare").purge(KEYS)
    purger(cdn, "cloudflare").purge_everything()

    assert [(one.method, one.path) for one in cdn.requests] == [("POST", f"/client/v4/zones/{ZONE}/purge_cache")] * 2
    assert [one.json() for one in cdn.requests] == [{"tags": KEYS}, {"purge_everything": True}]
    assert [one.headers["authorization"] for one in cdn.requests] == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize(("kind", "header"), [("varnish", "xkey-purge"), ("nginx", "surrogate-key")])
def test_a_cache_of_ones_own_gets_them_in_a_header(cdn: FakeCdn, kind: str, header: str) -> None:
    purger(cdn, kind).purge(KEYS)
    purger(cdn, kind).purge_everything()

    assert [(one.method, one.path, one.headers[header]) for one in cdn.requests] == [
        ("PURGE", "/", "post:1 posts"),
        ("PURGE", "/", "*"),
    ]
    assert [one.headers["authorization"] for one in cdn.requests] == [f"Bearer {TOKEN}"] * 2


def test_a_cache_without_a_token_is_sent_none(cdn: FakeCdn) -> None:
    Varnish(address=f"127.0.0.1:{cdn.port}").purge(KEYS)

    assert "authorization" not in cdn.requests[0].headers


def test_the_most_that_goes_into_one_request_is_what_the_documentations_say() -> None:
    assert (Fastly.keys_per_request, Cloudflare.keys_per_request) == (256, 100)


@every_kind
@pytest.mark.parametrize("status", [201, 204, 301, 307, 400, 401, 404, 405, 429, 500, 503])
def test_any_status_but_200_is_a_failure_and_no_redirect_is_followed(cdn: FakeCdn, kind: str, status: int) -> None:
    cdn.answers = [Said(status, b"" if status == 204 else b"no", {"Location": f"{cdn.url}/elsewhere"})]

    with pytest.raises(PurgeFailed, match=f"answered {status}"):
        purger(cdn, kind).purge(KEYS)

    assert len(cdn.requests) == 1


@pytest.mark.parametrize("body", [b'{"success": false, "errors": [{"message": "no"}]}', b"[]", b"<html>", b"", b"\xff"])
def test_cloudflare_has_to_say_that_it_succeeded(cdn: FakeCdn, body: bytes) -> None:
    cdn.answers = [Said(200, body)]

    with pytest.raises(PurgeFailed, match="answered 200"):
        purger(cdn, "cloudflare").purge(KEYS)


@every_kind
def test_a_refusal_is_quoted_in_one_short_line_without_the_token(cdn: FakeCdn, kind: str) -> None:
    cdn.answers = [Said(403, f"bad token {TOKEN}\n\x1b[31m2026-01-01 ERROR forged\r\n{'x' * 5000}".encode())]

    with pytest.raises(PurgeFailed) as failed:
        purger(cdn, kind).purge(KEYS)

    assert "bad token … [31m2026-01-01 ERROR forged xxx" in str(failed.value)
    assert TOKEN not in repr(failed.value) and str(failed.value).isprintable()
    assert len(str(failed.value)) < 400


@pytest.mark.parametrize(
    ("said", "wish"), [("30", 30.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("-5", 0.0), ("1e9", 0.0), ("٣", 0.0)]
)
def test_how_long_to_wait_is_read_where_it_is_a_number(cdn: FakeCdn, said: str, wish: float) -> None:
    cdn.answers = [Said(429, b"", {"Retry-After": said.encode("utf-8").decode("latin-1")})]

    with pytest.raises(PurgeFailed) as failed:
        purger(cdn, "fastly").purge(KEYS)

    assert failed.value.retry_after == wish


@every_kind
def test_nobody_there_is_a_failure(kind: str) -> None:
    with FakeCdn().running() as cdn:
        gone = purger(cdn, kind)

    with pytest.raises(PurgeFailed, match="ConnectionRefusedError"):
        gone.purge(KEYS)


def test_an_answer_without_end_is_not_read_to_its_end(cdn: FakeCdn) -> None:
    cdn.answers = [Said(200, b"x" * (http.MOST_BYTES + 1))]

    with pytest.raises(PurgeFailed, match=f"more than {http.MOST_BYTES} bytes"):
        purger(cdn, "fastly").purge(KEYS)


def test_somebody_who_drips_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_SECONDS", 0.2)
    is_left = threading.Event()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening, is_left), daemon=True).start()
        with pytest.raises(PurgeFailed, match="TimeoutError: no whole answer"):
            Varnish(address=f"127.0.0.1:{listening.getsockname()[1]}").purge(KEYS)

        assert is_left.wait(5)


def drip(listening: socket.socket, is_left: threading.Event) -> None:
    """A header that goes on and on, a byte at a time."""
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        try:
            while True:
                connection.sendall(b"x")
                if is_left.wait(0.01):
                    return
        except OSError:
            is_left.set()


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)

    with FakeCdn().running(tls=context) as cdn:
        node = Varnish(address=f"localhost:{cdn.port}", token=TOKEN, tls=True)
        with pytest.raises(PurgeFailed, match="CERTIFICATE_VERIFY_FAILED"):
            node.purge(KEYS)
        assert cdn.requests == []


def test_a_certificate_that_is_trusted_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    with FakeCdn().running(tls=context) as cdn:
        Varnish(address=f"localhost:{cdn.port}", token=TOKEN, tls=True).purge(KEYS)

    assert [one.headers["xkey-purge"] for one in cdn.requests] == ["post:1 posts"]
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
