"""Ways for a mail to leave beside Django's own SMTP. ``cms_project/mailing.py`` chooses by EMAIL_URL."""

import os
import sys
from collections.abc import Sequence
from email.header import decode_header, make_header
from email.message import EmailMessage as Mime
from pathlib import Path
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from core import ids


class NotConfigured(Exception):
    """EMAIL_URL is not set, so nobody knows how mail leaves."""


class Unset(BaseEmailBackend):
    """Production without EMAIL_URL. The jobs that send are tried again, and kept when they are dead."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise NotConfigured("EMAIL_URL is not set: no mail leaves. `manage.py jobs --again` sends what is waiting.")


class Console(BaseEmailBackend):
    """For development: what a person reads, in the clear, with links that can be clicked. Never the HTML."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            sys.stdout.write(_readable(message))
        sys.stdout.flush()
        return len(email_messages)


class Folder(BaseEmailBackend):
    """A file for each mail, as mail programs open them, readable for nobody else: links that log in stand in them."""

    def __init__(self, *, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._path = Path(path)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            self._write(message.message().as_bytes())
        return len(email_messages)

    def _write(self, content: bytes) -> None:
        """Whoever watches the folder for ``*.eml`` sees whole files alone."""
        name = str(ids.uuid7())
        unfinished = self._path / f".{name}"
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        unfinished.rename(self._path / f"{name}.eml")


def _readable(message: EmailMessage) -> str:
    mime: Mime = message.message()
    heads = "\n".join(f"{name}: {make_header(decode_header(str(mime[name])))}" for name in ("From", "To", "Subject"))
    rule = "-" * 79
    return f"\n{rule}\n{heads}\n\n{str(message.body).rstrip()}\n{rule}\n\n"
