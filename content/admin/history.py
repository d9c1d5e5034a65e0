"""The history of one entry: its revisions, what each changed, when it was public, and bringing one back."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from accounts.models import User
from content import revisions, saving
from content.admin.comparing import Difference, differences
from content.admin.forms import ChangedMeanwhile, actor, locked, number_in, sentence
from content.admin.looking import LookingAdmin
from content.models import Revision, Versioned
from core import clock, errors
from delivery.models import Publication
from delivery.slugs import SlugTaken

PER_PAGE = 10


@dataclass(frozen=True)
class Stretch:
    """A time in which a revision was public."""

    publication: Publication
    published_by: str
    closed_by: str


@dataclass(frozen=True)
class Chapter:
    """One revision as the history shows it."""

    revision: Revision
    differences: list[Difference]
    stretches: list[Stretch]
    is_present: bool
    is_live: bool


def chapters(thing: Any, page: Page[Revision]) -> list[Chapter]:
    """``thing`` comes from ``with_publication()``. Three queries, however long the history is."""
    shown = list(page.object_list)
    first = shown[-1].version if shown else 0
    older = Revision.objects.filter(entry_id=thing.pk, version__lt=first).first()
    before = [*shown[1:], older]
    public = _stretches(thing, [revision.pk for revision in shown])
    return [
        Chapter(
            revision=revision,
            differences=differences(previous.values, revision.values) if previous else [],
            stretches=public.get(revision.pk, []),
            is_present=revision.pk == thing.revision_id,
            is_live=revision.pk == thing.live_revision_id,
        )
        for revision, previous in zip(shown, before, strict=True)
    ]


def _stretches(thing: Versioned, revision_ids: list[UUID]) -> dict[UUID, list[Stretch]]:
    rows = list(Publication.objects.of(thing.KIND, thing.pk).filter(revision_id__in=revision_ids).order_by("live_from"))
    people = User.objects.in_bulk({pk for row in rows for pk in (row.published_by, row.closed_by) if pk})
    found: dict[UUID, list[Stretch]] = {}
    for row in rows:
        by, closed = (people.get(pk, "") if pk else "" for pk in (row.published_by, row.closed_by))
        found.setdefault(row.revision_id, []).append(Stretch(row, str(by), str(closed)))
    return found


def bring_back(thing: Versioned, revision_id: UUID, *, by: User) -> bool:
    """Puts an old revision's values into the working copy. False: without its slug, which belongs to another entry."""
    values = {name: value for name, value in revisions.values_at(thing, revision_id).items() if name in thing.FIELDS}
    try:
        with transaction.atomic():
            saving.save(thing, values, as_draft=True, by=by, now=clock.now())
    except SlugTaken:
        thing.refresh_from_db()
        del values["slug"]
        saving.save(thing, values, as_draft=True, by=by, now=clock.now())
        return False
    return True


class HistoryAdmin(LookingAdmin):
    """A ModelAdmin whose history is that of the revisions."""

    model: type[Versioned]

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view(require_POST(self.bring_back_view))
        own = [path("<path:object_id>/history/<uuid:revision_id>/", view, name=f"{name}_bring_back")]
        return [*own, *super().get_urls()]

    def shows_history(self, request: HttpRequest) -> bool:
        return True

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        thing = self._seen(request, object_id)
        page = Paginator(Revision.objects.filter(entry_id=thing.pk).select_related("created_by"), PER_PAGE).get_page(
            request.GET.get("p")
        )
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {thing}",
            "opts": self.opts,
            "object": thing,
            "original": thing,
            "page": page,
            "chapters": chapters(thing, page),
            "may_bring_back": self.has_change_permission(request, thing),
            "change_url": self.page("change", thing.pk),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "content/history.html", context)

    def bring_back_view(self, request: HttpRequest, object_id: str, revision_id: UUID) -> HttpResponse:
        thing = self._seen(request, object_id)
        try:
            with transaction.atomic():
                row = locked(self.model, thing.pk, version=number_in(request.POST.get("version")))
                has_old_slug = bring_back(row, revision_id, by=actor(request))
        except Revision.DoesNotExist:
            raise Http404 from None
        except ChangedMeanwhile as refusal:
            messages.error(request, f"{refusal.newer.by} {refusal.newer.verb} this in the meantime. Please look again.")
            return HttpResponseRedirect(self.page("history", thing.pk))
        except errors.Refusal as refusal:
            messages.error(request, sentence(refusal))
            return HttpResponseRedirect(self.page("history", thing.pk))
        messages.success(request, "It is back as a draft. Visitors see it once you publish it.")
        if not has_old_slug:
            messages.warning(request, "Its old slug belongs to another entry now, so it keeps its present one.")
        return HttpResponseRedirect(self.page("change", thing.pk))

    def _seen(self, request: HttpRequest, object_id: str) -> Any:
        """The thing with what its publications say; nobody without the right to see drafts learns whether it exists."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        thing = self.get_object(request, object_id)
        if thing is None:
            raise Http404
        return thing
