"""The product's addresses as they are where OIDC_ISSUER is set; the settings of the tests leave it out."""

from django.urls import include, path

from cms_project import urls as product

urlpatterns = [
    path("api/v1/", include("accounts.api.urls_sso")),
    path("admin/sso/", include("accounts.sso.admin")),
    *product.urlpatterns,
]
handler500 = product.handler500
