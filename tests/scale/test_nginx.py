"""deploy/nginx before a server that tells what it was sent."""

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.faults.processes import HOST, free_port
from tests.scale.front import Nginx, substituted
from tests.scale.replica import DEPLOY

pytestmark = pytest.mark.server


class Telling(BaseHTTPRequestHandler):
    """Answers with the headers that came; below /stream in two parts, the second when the first was received."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/stream":
            self._stream()
            return
        names = {name.lower(): value for name, value in self.headers.items()}
        content = json.dumps({**names, "peer": self.client_address[1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"first\n")
        self.wfile.flush()
        self.wfile.write(b"second\n" if self.server.received.wait(10) else b"nobody received the first\n")

    def do_POST(self) -> None:
        """Dies before it has answered."""
        self.server.deaths += 1
        self.close_connection = True

    def log_message(self, format: str, *values: Any) -> None:
        """Not said."""


class Upstream(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), Telling)
        self.received = Event()
        self.deaths = 0


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def tls_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def nginx(upstream: Upstream, tls_port: int) -> Iterator[Nginx]:
    nginx = Nginx([upstream.server_port] * 2)
    try:
        certificate, key = self_signed()
        names = {
            "listen 8443": f"listen {HOST}:{tls_port}",
            "/etc/nginx/certificate/fullchain.pem": str(nginx.write("fullchain.pem", certificate)),
            "/etc/nginx/certificate/privkey.pem": str(nginx.write("privkey.pem", key)),
        }
        nginx.write("tls.conf", substituted((DEPLOY / "nginx/tls.conf").read_text(), names))
        nginx.start()
        yield nginx
    finally:
        nginx.destroy()


def self_signed() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cms.example.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (
        made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(serialization.Encoding.PEM, form, plain).decode(),
    )


def told(connection: HTTPConnection, **headers: str) -> dict[str, Any]:
    connection.request("GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def test_nginx_finds_nothing_to_say_about_its_files(nginx: Nginx) -> None:
    assert [line for line in nginx.log.splitlines() if not line.startswith("{")] == []


def test_the_server_learns_who_asked_and_under_which_name(nginx: Nginx) -> None:
    sent = {
        "Host": "cms.example.com",
        "X_Forwarded_For": "198.51.100.7",
        "X_Request_ID": "mine",
        "Accept_Encoding": "br",
    }

    found = told(HTTPConnection(HOST, nginx.port, timeout=10), **sent)

    assert found.pop("peer") > 0
    assert found == {
        "host": "cms.example.com",
        "x-forwarded-for": "198.51.100.7, 127.0.0.1",
        "x-forwarded-proto": "http",
        "x-request-id": "mine",
        "accept-encoding": "br",
    }


@pytest.mark.parametrize(("claimed", "scheme"), [("https", "https"), ("http", "http"), ("gopher", "http")])
def test_who_ended_tls_in_front_of_it_says_so(nginx: Nginx, claimed: str, scheme: str) -> None:
    connection = HTTPConnection(HOST, nginx.port, timeout=10)

    assert told(connection, X_Forwarded_Proto=claimed)["x-forwarded-proto"] == scheme


def test_where_nginx_ends_tls_nobody_says_otherwise(nginx: Nginx, tls_port: int) -> None:
    unchecked = ssl._create_unverified_context()
    connection = HTTPSConnection(HOST, tls_port, timeout=10, context=unchecked)

    assert told(connection, X_Forwarded_Proto="http")["x-forwarded-proto"] == "https"


def test_a_request_id_that_could_not_be_quoted_is_replaced(nginx: Nginx) -> None:
    found = told(HTTPConnection(HOST, nginx.port, timeout=10), X_Request_ID='"},{"status":200')

    assert len(found["x-request-id"]) == 32
    assert found["x-request-id"].isalnum()


def test_connections_to_the_server_are_kept(nginx: Nginx) -> None:
    connection = HTTPConnection(HOST, nginx.port, timeout=10)  # one, since each of nginx's processes keeps its own

    peers = {told(connection)["peer"] for _ in range(20)}

    assert len(peers) == 1


def test_a_stream_arrives_as_it_is_sent(nginx: Nginx, upstream: Upstream) -> None:
    connection = HTTPConnection(HOST, nginx.port, timeout=20)
    connection.request("GET", "/stream")
    response = connection.getresponse()

    first = response.readline()
    upstream.received.set()

    assert [first, response.readline()] == [b"first\n", b"second\n"]


def test_a_write_whose_server_dies_is_not_sent_again(nginx: Nginx, upstream: Upstream) -> None:
    connection = HTTPConnection(HOST, nginx.port, timeout=10)

    connection.request("POST", "/posts", b"{}")
    response = connection.getresponse()

    problem = json.loads(response.read())
    assert (response.status, problem["code"], response.headers["Retry-After"]) == (503, "unavailable", "2")
    assert upstream.deaths == 1


def test_the_log_has_no_query_string(nginx: Nginx) -> None:
    connection = HTTPConnection(HOST, nginx.port, timeout=10)
    connection.request("GET", "/looked-at?token=secret-of-somebody")
    connection.getresponse().read()
    nginx.stop()  # it writes what it holds back

    assert "/looked-at" in nginx.log
    assert "secret-of-somebody" not in nginx.log
