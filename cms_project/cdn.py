"""CDN_PURGE_URL and CDN_PURGE_TOKEN: who is told what is no longer true. A refusal never repeats a token."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cms_project import env

FORMS = "fastly://service-id, cloudflare://zone-id, varnish://host:port[,host:port] or nginx://host:port[,host:port]"
LOCAL = ("localhost", "127.0.0.1", "::1")

_SERVICES = {  # the name of the id, how it looks, where the adapter is
    "fastly": ("service", re.compile(r"[0-9A-Za-z]{8,64}"), "delivery.providers.fastly.Fastly"),
    "cloudflare": ("zone", re.compile(r"[0-9a-f]{32}"), "delivery.providers.cloudflare.Cloudflare"),
}
_NODES = {"varnish": "delivery.providers.varnish.Varnish", "nginx": "delivery.providers.nginx.Nginx"}
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})")
_TOKEN = re.compile(r"[!-~]+")  # what may stand in a header

Target = dict[str, Any]  # {"PROVIDER": "dotted.path", "OPTIONS": {…}}; the key token is one that Django hides


def from_url(raw: str) -> list[Target]:
    """One target for a service, one for each node of a cache of one's own. Raises ValueError for anything else."""
    scheme, _, rest = raw.partition("://")
    place, _, query = rest.partition("?")
    if "@" in rest:
        raise ValueError("it has an @; a token stands in CDN_PURGE_TOKEN")
    if scheme in _SERVICES:
        return [_service(scheme, place, _options(query, "api"))]
    if scheme in _NODES:
        return _nodes(scheme, place, _options(query, "tls"))
    raise ValueError("it starts otherwise")


def token(raw: str) -> str:
    if not _TOKEN.fullmatch(raw):
        raise ValueError("it has a blank or another sign that no token has")
    return raw


def with_token(targets: list[Target], token: str) -> list[Target]:
    """Puts the token where it belongs, and refuses one without the other."""
    if token and not targets:
        env.refuse("CDN_PURGE_TOKEN is set and CDN_PURGE_URL is not: nobody would be given it.")
    elif not token and any(set(one["OPTIONS"]) & {"service", "zone"} for one in targets):
        env.refuse("CDN_PURGE_URL is set and CDN_PURGE_TOKEN is not: this CDN asks for a token.")
    return [{**one, "OPTIONS": {**one["OPTIONS"], "token": token}} for one in targets]


def _service(scheme: str, place: str, options: dict[str, str]) -> Target:
    kind, form, provider = _SERVICES[scheme]
    if not form.fullmatch(place):
        raise ValueError(f"behind {scheme}:// stands the id of a {kind} and nothing else")
    api = {"api": _api(options["api"])} if "api" in options else {}
    return {"PROVIDER": provider, "OPTIONS": {kind: place, **api}}


def _api(raw: str) -> str:
    """Another address of the service, for a gateway or a test; a token is not sent in the clear to another machine."""
    parts = urlsplit(raw)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
    if not is_safe or not parts.hostname or raw.endswith("/") or parts.query or parts.fragment:
        raise ValueError("behind api= stands https://host[:port][/path], without a slash at the end")
    return raw


def _nodes(scheme: str, place: str, options: dict[str, str]) -> list[Target]:
    addresses = [_address(part.strip()) for part in place.split(",")]
    if len(set(addresses)) < len(addresses):
        raise ValueError("it names a host twice")
    tls = options.get("tls", "off")
    if tls not in ("on", "off"):
        raise ValueError("behind the ? stands tls=on or tls=off")
    return [{"PROVIDER": _NODES[scheme], "OPTIONS": {"address": one, "tls": tls == "on"}} for one in addresses]


def _address(raw: str) -> str:
    found = _ADDRESS.fullmatch(raw)
    if not found or not 1 <= int(found[2]) <= 65_535:
        raise ValueError("a node is host:port")
    return raw.lower()


def _options(query: str, *known: str) -> dict[str, str]:
    found = dict(parse_qsl(query, keep_blank_values=True))
    if not set(found) <= set(known):
        raise ValueError(f"behind the ? stands {' or '.join(known)} and nothing else")
    return found
