"""How often a client may present credentials: one budget for all doors, counted per address.

Counting is django-ratelimit's, over a cache in which a step is atomic (``core.counters``), so that all workers share
one count. Its windows are fixed: two budgets can be spent around the edge between two windows, never more.
"""

import ipaddress
import logging

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from core import errors

logger = logging.getLogger("stitch.auth")

GROUP = "credentials"
IPV6_NETWORK = 64  # what one household or one server gets; within it addresses are free to change

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TooManyAttempts(errors.TooManyRequests):
    code = "too_many_attempts"
    title = "Too many requests with credentials from this address"


def count(request: HttpRequest) -> None:
    """Counts one attempt of the client and raises ``TooManyAttempts`` beyond the budget, ``AUTH_RATE``."""
    address = client_address(request)
    client = _network(address)
    usage = get_usage(request, group=GROUP, key=lambda *_: client, rate=settings.AUTH_RATE, increment=True)
    logger.info("Credentials presented from %s", address, extra={"address": address})
    if usage is not None and usage["should_limit"]:
        logger.warning("Too many attempts from %s", client, extra={"address": address})
        # The second at which a window ends belongs to it; whoever waits for less is refused again.
        raise TooManyAttempts(retry_after=max(0, usage["time_left"]) + 1)


def client_address(request: HttpRequest) -> str:
    """The address of the client as the outermost trusted proxy saw it; empty where the server has none (a Unix socket).

    Every proxy appends the address it was called from to X-Forwarded-For, so with N proxies the Nth entry from the
    right is the first one that no client can write. What stands further left is the client's own claim and is not read.
    """
    hops = settings.TRUSTED_PROXY_COUNT
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    forwarded = _parse(entries[-hops]) if 0 < hops <= len(entries) else None
    found = forwarded or _parse(request.META.get("REMOTE_ADDR", ""))
    return str(found or "")


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


def _network(address: str) -> str:
    """What counts as one client. Clients without an address share one budget."""
    if ":" not in address:
        return address or "unknown"
    return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
