"""For the admin's login page."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.urls import reverse

register = template.Library()


@register.inclusion_tag("accounts/sso_button.html", takes_context=True)
def single_sign_on_button(context: Any) -> dict[str, str]:
    """Nothing where OIDC_ISSUER is not set."""
    if not settings.OIDC_ISSUER:
        return {}
    query = urlencode({"next": context["next"]}) if context.get("next") else ""
    return {"name": settings.OIDC_NAME, "href": f"{reverse('admin-sso-start')}?{query}"}
