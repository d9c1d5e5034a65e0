"""How often a client may present credentials: one budget for all doors, counted per address.

Counting is django-ratelimit's, over a cache in which a step is atomic (``core.counters``), so that all workers share
one count. Its windows are fixed: two budgets can be spent around the edge between two windows, never more.
"""

import logging

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from core import addresses, errors

logger = logging.getLogger("stitch.auth")

GROUP = "credentials"


class TooManyAttempts(errors.TooManyRequests):
    code = "too_many_attempts"
    title = "Too many requests with credentials from this address"


def count(request: HttpRequest) -> None:
    """Counts one attempt of the client and raises ``TooManyAttempts`` beyond the budget, ``AUTH_RATE``."""
    address = addresses.client_address(request)
    client = addresses.network(address)
    usage = get_usage(request, group=GROUP, key=lambda *_: client, rate=settings.AUTH_RATE, increment=True)
    logger.info("Credentials presented from %s", address, extra={"address": address})
    if usage is not None and usage["should_limit"]:
        logger.warning("Too many attempts from %s", client, extra={"address": address})
        # The second at which a window ends belongs to it; whoever waits for less is refused again.
        raise TooManyAttempts(retry_after=max(0, usage["time_left"]) + 1)
