"""``python -m tests.faults.consistency``: where does the database say two things at once? Prints a JSON list.

Looks at the whole database of DATABASE_URL: working copies, revisions, publications, projection and slugs have to tell
the same story. What is torn shows here, whether or not its writer was ever answered.
"""

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")


def everything() -> Iterator[str]:
    from content.models import BlogPost, Page
    from core.models import IdempotentAnswer

    for model in (Page, BlogPost):
        for entry in model.objects.all():
            yield from (f"{entry.KIND} {entry.pk}: {what}" for what in of_entry(entry))
    yield from of_projection()
    yield from of_slugs()
    for answer in IdempotentAnswer.objects.filter(status=0):
        yield f"the idempotency key {answer.key} has no answer"


def of_entry(entry: Any) -> Iterator[str]:
    from delivery.models import Publication, Slug

    yield from _of_history(entry)
    publications = list(Publication.objects.of(entry.KIND, entry.pk).order_by("live_from", "pk"))
    yield from _of_periods(publications)
    opened = [one for one in publications if one.live_until is None]
    held = {(row.slug, row.state) for row in Slug.objects.filter(kind=entry.KIND, entry_id=entry.pk)}
    if held != _slugs_to_hold(entry, opened):
        yield f"it holds the slugs {sorted(held)}"
    if entry.deleted_at and opened:
        yield "it is in the bin and public"


def _of_history(entry: Any) -> Iterator[str]:
    from content.models import Action, Revision
    from delivery.models import Publication

    revisions = list(Revision.objects.filter(entry_id=entry.pk).order_by("version"))
    publications = Publication.objects.of(entry.KIND, entry.pk)
    if not revisions or (revisions[0].version, revisions[0].action) != (1, Action.CREATED):
        yield "its history has no beginning"
        return
    if (revisions[-1].pk, revisions[-1].values) != (entry.revision_id, entry.values()):
        yield "its newest revision is not what it says"
    # What is public as soon as it is made is so in its first version.
    at_once = publications.filter(revision_id=revisions[0].pk, live_from=entry.created_at).count()
    if not 0 <= entry.version - len(revisions) - publications.count() + at_once <= publications.count():
        yield f"version {entry.version} has {len(revisions)} revisions and {publications.count()} publications"
    known = {one.pk: one.values for one in revisions}
    if any(one.content != known.get(one.revision_id) for one in publications):
        yield "it was public with something that is no revision of it"


def _of_periods(publications: list[Any]) -> Iterator[str]:
    for earlier, later in pairwise(publications):
        if earlier.live_until is None or earlier.live_until > later.live_from:
            yield f"it is public twice at {later.live_from}"


def _slugs_to_hold(entry: Any, opened: list[Any]) -> set[tuple[str, str]]:
    if entry.deleted_at:
        return set()
    live = {(one.slug, "live") for one in opened}
    return live if (entry.slug, "live") in live else live | {(entry.slug, "working")}


def of_projection() -> Iterator[str]:
    from delivery import projection
    from delivery.models import LiveEntry, LiveTag, Publication

    publications = {one.pk: one for one in Publication.objects.not_over()}
    rows = {row.pk: row for row in LiveEntry.objects.all()}
    if publications.keys() != rows.keys():
        yield f"{len(publications)} publications are live or to come, the projection has {len(rows)} rows"
    for key in publications.keys() & rows.keys():
        meant = projection._row(publications[key])
        names = [field.attname for field in LiveEntry._meta.fields]
        wrong = [name for name in names if _plain(getattr(rows[key], name)) != _plain(getattr(meant, name))]
        if wrong:
            yield f"the projection of {publications[key]} differs in {wrong}"
        tags = set(LiveTag.objects.filter(entry=key).values_list("tag", flat=True))
        if tags != set(publications[key].content.get("tags", ())):
            yield f"the projection of {publications[key]} has the tags {sorted(tags)}"


def _plain(value: Any) -> Any:
    """As two drivers and an empty line at the end may differ without meaning."""
    if isinstance(value, str):
        return value.strip()
    return bytes(value) if isinstance(value, memoryview) else value


def of_slugs() -> Iterator[str]:
    """What entries do not say themselves: a slug whose holder is not there."""
    from content.models import BlogPost, Page
    from delivery.models import Slug

    for model in (Page, BlogPost):
        held = Slug.objects.filter(kind=model.KIND).exclude(entry_id=None)
        there = model.objects.present().values("pk")
        for row in held.exclude(entry_id__in=there):
            yield f"{row} is held by nobody who is there"


if __name__ == "__main__":
    django.setup()
    print(json.dumps(list(everything())))
