"""Which answers a page of another origin may read, and on which paths its browser may send and take cookies."""

import re

from corsheaders.middleware import (
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    CorsMiddleware,
)
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class CorsWithFewCredentials(CorsMiddleware):
    """django-cors-headers allows cookies everywhere or nowhere; here they are allowed on a few paths.

    To an origin that is not allowed it says nothing, on these paths either.
    """

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().add_response_headers(request, response)
        takes_cookies = re.fullmatch(settings.CORS_CREDENTIALS_URLS_REGEX, request.path_info)
        if takes_cookies and ACCESS_CONTROL_ALLOW_ORIGIN in response:
            response[ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
        return response
