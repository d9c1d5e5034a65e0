"""Demo content and one user per role: what a newcomer finds after ``make run``. Running it again changes nothing."""

import secrets
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from cms_project import demo_files
from cms_project.demo_files import DemoEntry
from cms_project.secrets import kept
from content import drafts, publishing, saving
from content.models import BlogPost, Entry, Page, SiteSettings
from core import clock

ROLES = ("approver", "author", "member")


@dataclass
class Report:
    """What was made, for the command to tell. ``passwords`` are shown once and stored nowhere."""

    passwords: dict[str, str] = field(default_factory=dict)
    pages: int = 0
    posts: int = 0


@transaction.atomic
def seed() -> Report:
    report = Report()
    admin = _administrator(report)
    password = secrets.token_urlsafe(9)
    users = {role: _user(role, f"{role}@example.com", password, report) for role in ROLES}
    if not Page.objects.exists() and not BlogPost.objects.exists():
        saving.save(SiteSettings.objects.get(), demo_files.site_settings(), by=admin, now=clock.now())
        _entries(users)
        report.pages, report.posts = Page.objects.count(), BlogPost.objects.count()
    return report


def _administrator(report: Report) -> User:
    email = settings.ADMIN_EMAIL or "admin@example.com"
    there = User.objects.filter(email=email).first() or User.objects.filter(groups__name="admin").first()
    if there:
        return there
    return _user("admin", email, settings.ADMIN_PASSWORD or _new_password(), report)


def _new_password() -> str:
    """In development it is kept in an ignored file, so that ``make run`` can tell the login again."""
    fresh = secrets.token_urlsafe(12)
    return kept(settings.DEVELOPMENT_PASSWORD_FILE, fresh) if settings.DEBUG else fresh


def _user(role: str, email: str, password: str, report: Report) -> User:
    there = User.objects.filter(email=email).first()
    if there:
        return there
    user = User.objects.create_user(email, role, password, display_name=role.capitalize())
    user.groups.add(Group.objects.get(name=role))
    if not (role == "admin" and settings.ADMIN_PASSWORD):
        report.passwords[email] = password
    return user


def _entries(users: dict[str, User]) -> None:
    """Oldest first, so that ids grow with time as they do in life. An author writes, an approver publishes."""
    several: list[tuple[type[Entry], DemoEntry]] = [
        *((Page, demo) for demo in demo_files.pages()),
        *((BlogPost, demo) for demo in demo_files.posts()),
    ]
    for model, demo in sorted(several, key=lambda one: one[1].created_at):
        entry = drafts.create(model, demo.values, by=users["author"], now=demo.created_at)
        if demo.is_published:
            publishing.publish(entry, by=users["approver"], now=demo.created_at)
