"""The desk as its users meet it: a logged-in browser session, and what a page says."""

import html
import re
from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from content.models import Entry, Versioned


class Desk:
    """One person's session."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.client = Client()
        self.client.force_login(user)

    def get(self, page: str, *args: Any, **query: Any) -> HttpResponse:
        return self.client.get(address(page, *args), query)  # type: ignore[return-value]

    def post(self, page: str, *args: Any, query: str = "", **data: Any) -> HttpResponse:
        self.client.cookies.pop("messages", None)  # as if what was said before had been read
        return self.client.post(address(page, *args) + query, data)  # type: ignore[return-value]

    def form(self, thing: Versioned) -> dict[str, Any]:
        """What a browser would send back unchanged: every input of the form as it stands in the page."""
        form = self.get(f"{thing._meta.model_name}_change", thing.pk).context["adminform"].form
        values = {name: form[name].value() for name in form.fields if name != "social_links"}
        return {name: "" if value is None else value for name, value in values.items()}

    def save(self, thing: Versioned, button: str = "_save", **changes: Any) -> HttpResponse:
        return self.post(f"{thing._meta.model_name}_change", thing.pk, **{**self.form(thing), **changes, button: "1"})


def address(page: str, *args: Any) -> str:
    return reverse(f"admin:{page}" if page == "index" else f"admin:content_{page}", args=args)


def said(response: HttpResponse) -> list[str]:
    """The messages that the next page will show, without their tags."""
    return [text(str(message)) for message in get_messages(response.wsgi_request)]  # type: ignore[attr-defined]


def errors(response: HttpResponse) -> dict[str, list[str]]:
    """What the form that came back says is wrong, by field."""
    assert response.status_code == 200, response.status_code
    found = response.context["adminform"].form.errors
    return {name: [str(one) for one in several] for name, several in found.items()}


def text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split())


def fresh[E: Entry](entry: E) -> Any:
    """As the database has it now, with what its publications say."""
    return type(entry).objects.with_publication().get(pk=entry.pk)
