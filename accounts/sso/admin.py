"""Single sign-on for the admin, which is a frontend like any other: it begins a flow, and gets a code for a session."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import login
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.crypto import get_random_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts import limits
from accounts.api.sso import FLOW, cookie_name, set_cookie
from accounts.desk import entry
from accounts.models import USE_DESK, User
from accounts.sso import flow, tickets
from core import errors
from core.api import problems

DESK = "stitch_sso_desk"
SALT = "accounts.sso.admin"


class NotForTheDesk(errors.Forbidden):
    code = "sso_not_for_the_desk"
    title = "You are known, and you may not use the admin"
    meaning = "Ask an administrator for a role that may."


@require_GET
@never_cache
def start(request: HttpRequest) -> HttpResponse:
    verifier = get_random_string(64)
    return_to = settings.PUBLIC_BASE_URL + reverse("admin-sso-finish")
    try:
        begun, url = flow.begin(return_to=return_to, challenge=tickets.challenge_of(verifier))
    except errors.Refusal as refusal:
        return _refused(request, refusal)
    response = HttpResponseRedirect(url)
    seconds = int(flow.LIFETIME.total_seconds())
    set_cookie(response, FLOW, begun.sealed(), seconds=seconds)
    kept = signing.dumps([verifier, _next(request.GET.get("next", ""))], salt=SALT)
    set_cookie(response, DESK, kept, seconds=seconds)
    return response


@require_GET
@never_cache
def finish(request: HttpRequest) -> HttpResponse:
    """A door like the login form: counted, and for those who may use the admin alone."""
    try:
        limits.count(request)
        verifier, target = _kept(request)
        if page := _ended(request):
            return page
        user = _user(request, verifier)
    except errors.Refusal as refusal:
        return _refused(request, refusal)
    login(request, user, backend=entry.BACKEND)
    entry.record(user, means="oidc")
    response = HttpResponseRedirect(target)
    response.delete_cookie(cookie_name(DESK), samesite="Lax")
    return response


def _user(request: HttpRequest, verifier: str) -> User:
    user = tickets.redeem(request.GET.get(flow.CODE_PARAMETER, ""), verifier=verifier)
    if not user.has_perm(USE_DESK):
        raise NotForTheDesk()
    return user


def _ended(request: HttpRequest) -> HttpResponse | None:
    """The page for what the callback found, if it found something wrong. Its words are those of the code, and ours."""
    if flow.ERROR_PARAMETER not in request.GET:
        return None
    known = {code: fact for code, fact in problems.catalogue().items() if code.startswith("sso_")}
    fact = known.get(request.GET[flow.ERROR_PARAMETER], known[flow.Denied.code])
    return _page(request, title=fact["title"], detail=fact["meaning"], status=fact["status"])


def _kept(request: HttpRequest) -> tuple[str, str]:
    """The verifier and the page to go to, from the cookie of the browser that began."""
    try:
        verifier, target = signing.loads(
            request.COOKIES.get(cookie_name(DESK), ""), salt=SALT, max_age=flow.LIFETIME + tickets.LIFETIME
        )
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise flow.NotBegun() from error
    return verifier, target


def _next(wanted: str) -> str:
    """A page of the admin, and nothing else."""
    desk = reverse("admin:index")
    is_ours = len(wanted) <= 500 and wanted.startswith(desk) and url_has_allowed_host_and_scheme(wanted, None)
    return wanted if is_ours else desk


def _refused(request: HttpRequest, refusal: errors.Refusal) -> HttpResponse:
    detail = refusal.detail if refusal.detail != refusal.title else refusal.meaning
    page = _page(request, title=refusal.title, detail=detail, status=problems.status_of(type(refusal)))
    if refusal.retry_after is not None:
        page["Retry-After"] = str(refusal.retry_after)
    return page


def _page(request: HttpRequest, *, title: str, detail: str, status: int) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "detail": detail}
    return TemplateResponse(request, "accounts/sso_refused.html", context, status=status)


urlpatterns = [
    path("start", start, name="admin-sso-start"),
    path("finish", finish, name="admin-sso-finish"),
]
