"""Where a request comes from: the client's address as the outermost trusted proxy saw it."""

import ipaddress
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest

IPV6_NETWORK = 64  # what one household or one server gets; within it addresses are free to change

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

client_address_var: ContextVar[str] = ContextVar("client_address", default="")  # of the request that is being answered


def client_address(request: HttpRequest) -> str:
    """Empty where the server has none (a Unix socket).

    Every proxy appends the address it was called from to X-Forwarded-For, so with N proxies the Nth entry from the
    right is the first one that no client can write. What stands further left is the client's own claim and is not read.
    """
    hops = settings.TRUSTED_PROXY_COUNT
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    forwarded = _parse(entries[-hops]) if 0 < hops <= len(entries) else None
    found = forwarded or _parse(request.META.get("REMOTE_ADDR", ""))
    return str(found or "")


def network(address: str) -> str:
    """What counts as one client. Clients without an address are one."""
    if ":" not in address:
        return address or "unknown"
    return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))


def _parse(text: str) -> Address | None:
    """``192.0.2.1``, ``192.0.2.1:4711``, ``2001:db8::1`` or ``[2001:db8::1]:4711``; IPv4 inside IPv6 as IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
