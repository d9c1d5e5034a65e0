"""What every request passes: an id, a log line, a known host, security headers. Natively asynchronous for the API."""

import time
from collections.abc import Awaitable, Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware, sync_only_middleware
from django.views.decorators.csp import csp_override

from core import addresses, errors
from core.api import problems
from core.asgi import KEEP
from core.observability import log_request, request_id_from, request_id_var

Next = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
SyncNext = Callable[[HttpRequest], HttpResponseBase]

PROBES = ("/healthz", "/readyz", "/metrics")  # asked by their address, not by the site's name
API_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# What no page of ours uses, nobody who gets a script into one shall use either.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


@async_only_middleware
def api_edge(get_response: Next) -> Next:
    """The outermost layer of the API: no exception, debug page or redirect of Django's ever leaves it."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        started, request_id = _begin(request)
        response = _refuse_target(request) or _refuse_host(request) or _to_https(request)
        if response is None:
            if len(request.path_info) > 1 and request.path_info.endswith("/"):
                request.path_info = request.path_info[:-1]
            response = await get_response(request)
        response.headers.setdefault("Content-Security-Policy", API_CSP)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", _hsts())
        if isinstance(response, HttpResponse) and response.status_code not in (204, 304):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        _end(request, response, started, request_id)
        return response

    return middleware


@async_only_middleware
def unread_request(get_response: Next) -> Next:
    """Answers for a request whose body or query string could not be read (``core.asgi``)."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        refused = getattr(request, "refused", None)
        return problems.render(refused) if refused else await get_response(request)

    return middleware


@sync_only_middleware
def site_edge(get_response: SyncNext) -> SyncNext:
    """The same for the admin: an id, a log line, and a plain refusal of what could not be read."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started, request_id = _begin(request)
        refused = getattr(request, "refused", None)
        if "%00" in request.META["QUERY_STRING"]:  # PostgreSQL would refuse it with an error of its own
            refused = errors.Malformed("Text may not contain NUL characters.")
        if request.method not in METHODS:  # TRACE would echo what a proxy has added, cookies among it
            refused = errors.MethodNotAllowed(sorted(METHODS))
        response = problems.render(refused) if refused else get_response(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        _end(request, response, started, request_id)
        return response

    return middleware


@sync_only_middleware
def desk_policy(get_response: SyncNext) -> SyncNext:
    """The admin's own content security policy, for all of it: login, pages, errors. Stands right inside Django's."""
    below_desk = csp_override(settings.ADMIN_CSP)(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_desk = request.path_info.startswith("/admin/")
        response: HttpResponseBase = below_desk(request) if is_desk else get_response(request)
        return response

    return middleware


def _begin(request: HttpRequest) -> tuple[float, str]:
    request_id = request_id_from(request.META.get("HTTP_X_REQUEST_ID"))
    request_id_var.set(request_id)
    addresses.client_address_var.set(addresses.client_address(request))
    request.arrived_at = time.time()  # type: ignore[attr-defined] # tokens.rotate judges races by it
    return time.perf_counter(), request_id


def _end(request: HttpRequest, response: HttpResponseBase, started: float, request_id: str) -> None:
    response["X-Request-ID"] = request_id
    response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
    if KEEP in getattr(request, "scope", ()):
        return  # the edge asks for somebody else, and writes the line about what that one gets
    user = getattr(request, "user", None)
    log_request(
        method=request.method or "",
        path=request.path,
        status=response.status_code,
        started=started,
        user=str(user.pk) if user is not None and user.pk else None,
        request_id=request_id,
    )


def _hsts() -> str:
    """The same as Django's SecurityMiddleware says for the admin."""
    subdomains = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    preload = "; preload" if settings.SECURE_HSTS_PRELOAD else ""
    return f"max-age={settings.SECURE_HSTS_SECONDS}{subdomains}{preload}"


def _to_https(request: HttpRequest) -> HttpResponseBase | None:
    """Where the site is served over HTTPS, nothing is answered without it; the method is kept (308)."""
    if not settings.SECURE_SSL_REDIRECT or request.is_secure() or request.path_info.rstrip("/") in PROBES:
        return None
    return HttpResponsePermanentRedirect(settings.PUBLIC_BASE_URL + request.get_full_path(), preserve_request=True)


def _refuse_target(request: HttpRequest) -> HttpResponseBase | None:
    """``OPTIONS *`` and its like name no path; Django would answer with a page of its own."""
    return None if request.path_info.startswith("/") else problems.render(errors.NotFound())


def _refuse_host(request: HttpRequest) -> HttpResponseBase | None:
    if request.path_info.rstrip("/") in PROBES:
        return None
    try:
        request.get_host()
    except DisallowedHost:
        return problems.render(errors.Malformed("This host name is not served here."))
    return None
