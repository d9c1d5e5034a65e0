"""Jobs for tests. They leave their traces in ``seen``, or in the file that they are given."""

import time
from pathlib import Path
from typing import Any

from django.db import OperationalError

from core import jobs

seen: list[Any] = []
LINK = "https://cms.example.com/reset?token=a.b&x=<1>"


class Broken(Exception):
    pass


@jobs.job()
def note(what: str) -> None:
    seen.append(what)


@jobs.job(queue="mail")
def note_by_mail(what: str) -> None:
    seen.append(what)


@jobs.job()
def note_and_send_on(what: str) -> None:
    seen.append(what)
    note.enqueue(what=f"{what}, sent on")


@jobs.job(attempts=3)
def fail(what: str) -> None:
    seen.append(what)
    raise Broken("it is broken\nand has a second line")


@jobs.job()
def give_up() -> None:
    raise jobs.Hopeless("nobody lives there")


@jobs.job()
def lose_the_database() -> None:
    raise OperationalError("server closed the connection")


@jobs.job()
def tell_who_i_am() -> None:
    from core.addresses import client_address_var
    from core.observability import request_id_var

    seen.append((str(jobs.current_id()), request_id_var.get(), client_address_var.get()))


@jobs.job()
def write_and_linger(path: str, seconds: float) -> None:
    """A line when it begins and a line when it ends."""
    with Path(path).open("a") as file:
        file.write(f"begun {jobs.current_id()}\n")
        file.flush()
        time.sleep(seconds)
        file.write(f"ended {jobs.current_id()}\n")


@jobs.job(queue="mail")
def send_mail(to: str) -> None:
    from core import mail

    mail.send("mail/test", to=to, context={"url": LINK})
