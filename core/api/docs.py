"""The API's own pages: the OpenAPI document, Swagger UI, ReDoc and what each problem means. Every asset is our own."""

from functools import cache
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from drf_spectacular.generators import SchemaGenerator

from core import errors, rendering
from core.api import conditional, problems
from core.api.reading import read_only
from core.api.schema_problems import MEANING
from core.api.viewsets import json_response

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
# What ReDoc writes into <style> elements: nothing (it adds its rules through the DOM), and its scroll bars.
REDOC_STYLES = (
    " 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
)


@read_only
async def home(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/docs")


@read_only
async def schema(request: HttpRequest) -> HttpResponse:
    """The document as JSON. Made once in the life of a process, since it only changes with the code."""
    content = await sync_to_async(_document)()
    response = json_response(content, headers={"ETag": conditional.etag_of(content), "Cache-Control": "no-cache"})
    return conditional.not_modified(response) if conditional.is_unchanged(request, response["ETag"]) else response


@read_only
async def swagger(request: HttpRequest) -> HttpResponse:
    return _page("api/swagger.html")


@read_only
async def redoc(request: HttpRequest) -> HttpResponse:
    return _page("api/redoc.html", styles=REDOC_STYLES)


@read_only
async def problem_list(request: HttpRequest) -> HttpResponse:
    """Every problem that an answer of ours may name."""
    known = [_explained(one) for one in sorted(problems.catalogue().values(), key=lambda one: one["status"])]
    return _readable(request, {"problems": known})


@read_only
async def problem(request: HttpRequest, code: str) -> HttpResponse:
    """Where the ``type`` of a problem leads: words for people, JSON for programs."""
    known = problems.catalogue()
    if code not in known:
        return problems.render(errors.NotFound())
    return _readable(request, {"problems": [_explained(known[code])]})


def _explained(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"meaning": one["meaning"] or MEANING[one["status"]].replace("`", "")}


@cache
def _document() -> bytes:
    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call] # no types of its own
    return rendering.dumps(made)


def _readable(request: HttpRequest, content: dict[str, Any]) -> HttpResponse:
    """The one place where ``Accept`` counts: a browser asks for text/html by name."""
    if "text/html" in request.META.get("HTTP_ACCEPT", ""):
        response = _page("api/problems.html", content)
    else:
        response = json_response(content["problems"][0] if len(content["problems"]) == 1 else content)
    patch_vary_headers(response, ["Accept"])
    return response


def _page(template: str, content: dict[str, Any] | None = None, *, styles: str = "") -> HttpResponse:
    return HttpResponse(
        render_to_string(template, content), headers={"Content-Security-Policy": CSP.format(styles=styles)}
    )
