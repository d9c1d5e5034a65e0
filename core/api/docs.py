"""The API's own pages: the OpenAPI document, Swagger UI, ReDoc and the list of problems. Every asset is our own."""

from functools import cache

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from drf_spectacular.generators import SchemaGenerator

from core import errors
from core.api import problems
from core.api.viewsets import json_response

DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


async def home(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/docs")


async def schema(request: HttpRequest) -> HttpResponse:
    return json_response(await sync_to_async(_document)())


async def swagger(request: HttpRequest) -> HttpResponse:
    return _page("api/swagger.html")


async def redoc(request: HttpRequest) -> HttpResponse:
    return _page("api/redoc.html")


async def problem(request: HttpRequest, code: str) -> HttpResponse:
    """Where the ``type`` of a problem leads."""
    known = problems.catalogue()
    return json_response(known[code]) if code in known else problems.render(errors.NotFound())


@cache
def _document() -> dict[str, object]:
    document: dict[str, object] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def _page(template: str) -> HttpResponse:
    return HttpResponse(render_to_string(template), headers={"Content-Security-Policy": DOCS_CSP})
