"""``GET /metrics`` for Prometheus and whoever reads its text format. Without METRICS_TOKEN there is no such address."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from core import errors
from core.api import problems
from core.api.reading import read_only
from core.metrics import exposition

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def metrics(request: HttpRequest) -> HttpResponse:
    return await _metrics(request) if settings.METRICS_TOKEN else problems.render(errors.NotFound())


@read_only
async def _metrics(request: HttpRequest) -> HttpResponse:
    if not _knows_the_token(request):
        return problems.render(errors.Unauthenticated("Send METRICS_TOKEN as: Authorization: Bearer <token>."))
    return HttpResponse(exposition(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _knows_the_token(request: HttpRequest) -> bool:
    scheme, _, sent = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    # Django reads headers as Latin-1: back to the bytes that were sent.
    is_same = constant_time_compare(sent.strip().encode("latin-1", "replace"), settings.METRICS_TOKEN.encode())
    return is_same and scheme.lower() == "bearer"
