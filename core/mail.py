"""One mail, in text and HTML, from three templates. Only jobs call it: a mail server may take its time."""

from collections.abc import Mapping
from email.utils import parseaddr
from functools import cache
from smtplib import SMTPRecipientsRefused
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4, uuid5

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, mailers
from django.core.validators import validate_email
from django.template.backends.django import DjangoTemplates
from django.template.loader import render_to_string

from core import jobs

LONGEST_SUBJECT = 200
# Out-of-office machines and list servers leave such mail alone (RFC 3834).
HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def send(template: str, *, to: str, context: Mapping[str, Any]) -> None:
    """Renders ``<template>.subject.txt``, ``.txt`` and ``.html``, and hands the mail over before it returns.

    Templates get ``site_name``, ``site_url`` and ``subject`` on top of the context. Raises ``jobs.Hopeless`` where the
    address is none or the server refuses it for good, and whatever the server or the network says otherwise.
    """
    _require_address(to)
    known = {**context, "site_name": settings.SITE_NAME, "site_url": settings.PUBLIC_BASE_URL}
    subject = _one_line(_text(f"{template}.subject.txt", known))
    known["subject"] = subject
    message = EmailMultiAlternatives(
        subject, _text(f"{template}.txt", known), to=[to], headers={**HEADERS, "Message-ID": _message_id(template, to)}
    )
    message.attach_alternative(render_to_string(f"{template}.html", known), "text/html")
    _hand_over(message)


def _require_address(to: str) -> None:
    try:
        validate_email(to)
    except ValidationError as error:
        raise jobs.Hopeless("This is no address that mail can be sent to.") from error


def _hand_over(message: EmailMultiAlternatives) -> None:
    """The connection is closed whatever happens; Django alone would leave one open whose login failed."""
    try:
        with mailers.default as mailer:
            mailer.send_messages([message])
    except SMTPRecipientsRefused as refused:
        if all(500 <= code < 600 for code, _ in refused.recipients.values()):
            raise jobs.Hopeless(f"The mail server refuses the address for good: {refused}") from refused
        raise


def _text(name: str, context: Mapping[str, Any]) -> str:
    return _text_templates().get_template(name).render(dict(context))


@cache
def _text_templates() -> DjangoTemplates:
    """Text is not HTML: an ampersand stays one."""
    return DjangoTemplates({"NAME": "mail-text", "DIRS": [], "APP_DIRS": True, "OPTIONS": {"autoescape": False}})


def _one_line(text: str) -> str:
    """Whatever stands in a name, it adds no header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_SUBJECT]


def _message_id(template: str, to: str) -> str:
    """The same in every run of one job, so that a repetition is known for what it is."""
    job = jobs.current_id()
    unique = uuid5(job, f"{template} {to}") if job else uuid4()
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{unique}@{host or urlsplit(settings.PUBLIC_BASE_URL).hostname}>"
