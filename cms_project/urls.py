"""Every address of the product."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts.api import jwks, urls_pages
from core import errors
from core.api import docs, health, metrics, problems

# Django tries one address after the other: what is asked most often comes first.
api = [path("", include("content.api.urls")), path("", include("accounts.api.urls"))]
if settings.OIDC_ISSUER:
    api.append(path("", include("accounts.api.urls_sso")))


async def not_found(request: HttpRequest) -> HttpResponse:
    return problems.render(errors.NotFound())


urlpatterns: list[URLPattern | URLResolver] = []
if settings.OIDC_ISSUER:
    urlpatterns.append(path("admin/sso/", include("accounts.sso.admin")))
urlpatterns += [
    path("api/v1/", include(api)),
    path(".well-known/jwks.json", jwks.jwks),
    path("problems", docs.problem_list),
    path("problems/<str:code>", docs.problem),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("admin/", admin.site.urls),
    *urls_pages.urlpatterns,
]
if settings.DOCS_ENABLED:
    urlpatterns += [
        path("", docs.home),
        path("api/schema", docs.schema),
        path("docs", docs.swagger),
        path("redoc", docs.redoc),
    ]
# Last: whatever else is asked gets a problem body, and never a debug page. The admin and its files have their own.
urlpatterns.append(re_path(r"^(?!(?:admin|static)(?:/|$))", not_found))

handler500 = problems.server_error
