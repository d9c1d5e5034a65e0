"""The steps of a login, as a browser and a frontend take them with the API's own client."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.http import HttpResponse

from tests.conftest import Api
from tests.sso.forger import Forger

FRONTEND = "http://localhost:5173/signed-in"
VERIFIER = "a-verifier-that-is-long-enough-for-the-standard"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
COOKIE = "stitch_sso"


def start(api: Api, **changed: str) -> HttpResponse:
    sent = {"return_to": FRONTEND, "challenge": CHALLENGE, **changed}
    return api.get(f"/auth/sso/start?{urlencode({name: value for name, value in sent.items() if value})}")


def sent_to_provider(response: HttpResponse) -> dict[str, str]:
    assert response.status_code == 302, response.content
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def come_back(api: Api, office: Forger, **changed: Any) -> HttpResponse:
    """Begins a login and comes back with a code; the ID token has the nonce of this login unless it is given."""
    sent = sent_to_provider(start(api))
    office.claims.setdefault("nonce", sent["nonce"])
    return callback(api, **{"state": sent["state"], "code": "c-1", **changed})


def callback(api: Api, **parameters: str) -> HttpResponse:
    return api.get(f"/auth/sso/callback?{urlencode(parameters)}")


def told(response: HttpResponse) -> dict[str, str]:
    """What the frontend is told in its address."""
    assert response.status_code == 302, response.content
    assert response["Location"].startswith(f"{FRONTEND}?"), response["Location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def exchange(api: Api, code: str, verifier: str = VERIFIER, **more: str) -> HttpResponse:
    return api.post("/auth/sso/exchange", {"code": code, "verifier": verifier, **more})


def code_of(api: Api, office: Forger) -> str:
    office.claims.pop("nonce", None)
    return told(come_back(api, office))["sso_code"]


def enter(api: Api, office: Forger, **claims: Any) -> str:
    """The frontend's news: ``in``, or the code of the refusal."""
    office.claims.update(claims)
    office.claims.pop("nonce", None)
    return told(come_back(api, office)).get("sso_error", "in")
