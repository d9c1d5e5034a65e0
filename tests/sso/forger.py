"""An identity provider that says whatever a test wants it to say, over real HTTP. The honest one: ``real_provider``."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CLIENT_ID = "stitch"
_MAKE: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@dataclass(frozen=True)
class Signer:
    """A private key and how its public half stands in a set of keys."""

    private: Any
    alg: str = "RS256"
    kid: str = "one"

    @classmethod
    def make(cls, alg: str = "RS256", kid: str = "one") -> "Signer":
        return cls(_MAKE[alg](), alg, kid)

    @property
    def jwk(self) -> dict[str, Any]:
        algorithm = jwt.get_algorithm_by_name(self.alg)
        public = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "use": "sig", "alg": self.alg}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Whatever the claims are: ``jwt.encode`` refuses to make some of the tokens that have to be refused."""
        sent = {"typ": "JWT", "kid": self.kid, **header}
        return jwt.PyJWS().encode(json.dumps(claims).encode(), self.private, algorithm=self.alg, headers=sent)


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    form: dict[str, str]


Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Forger:
    """``claims`` are those of the next ID token, ``info`` is the user info; ``answers`` replaces a whole answer."""

    issuer: str
    signer: Signer
    keys: list[dict[str, Any]] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def id_token(self) -> str:
        now = int(time.time())
        standard = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "s-1", "iat": now, "exp": now + 300}
        claims = {**standard, **self.claims}
        return self.signer.sign({name: value for name, value in claims.items() if value is not None})

    def answer(self, path: str) -> tuple[int, Any]:
        match path:
            case "/.well-known/openid-configuration":
                return 200, {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "userinfo_endpoint": f"{self.issuer}/me",
                    **self.discovery,
                }
            case "/keys":
                return 200, {"keys": self.keys or [self.signer.jwk]}
            case "/token":
                return 200, {"token_type": "Bearer", "access_token": "at", "id_token": self.id_token()}
            case "/me":
                return 200, {"sub": "s-1", **self.info}
        return 404, {}

    def times(self, path: str) -> int:
        return sum(one.path == path for one in self.asked)


def json_answer(status: int, content: Any, **headers: str) -> Answer:
    return raw_answer(status, json.dumps(content).encode(), **headers)


def raw_answer(status: int, content: bytes, **headers: str) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return send


def dripping_answer(seconds: float) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    return send


def silent_answer(seconds: float) -> Answer:
    return lambda handler: time.sleep(seconds)


@contextmanager
def forger(signer: Signer) -> Iterator[Forger]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = dict(parse_qsl(self.rfile.read(length).decode()))
            running.asked.append(Asked(self.path, dict(self.headers.items()), form))
            with suppress(OSError):  # whoever asked may have gone
                running.answers.get(self.path, json_answer(*running.answer(self.path)))(self)

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            """Not into the output of the tests."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Forger(f"http://127.0.0.1:{httpd.server_port}", signer)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        httpd.shutdown()
        httpd.server_close()
