"""Pages, posts and site settings over REST. Anonymous reads are handed to ``delivery``; it knows no drafts."""

from django.http import HttpRequest, HttpResponse

from accounts.api.authentication import BearerOrKeyAuthentication
from accounts.models import User
from content import drafts, finding, listing, rights, saving
from content.api import schema, shapes
from content.api.serializers import INPUT
from content.drafts import Removed
from content.models import BlogPost, Entry, Page, SiteSettings, Versioned
from core import clock, errors, replicas
from core.api import conditional, pagination, parsing
from core.api.viewsets import AsyncViewSet, json_response
from delivery import reads
from delivery.api import answers
from delivery.models import Kind
from delivery.questions import Single
from delivery.shapes import ONLY_IN_DETAIL


def writer(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise errors.Unauthenticated()
    return request.user


def sees_drafts(request: HttpRequest, model: type[Versioned]) -> bool:
    return isinstance(request.user, User) and rights.may_see_drafts(request.user, model)


class WorkingCopyViewSet(AsyncViewSet):
    """What entries and settings share: reading a working copy and answering a write."""

    authentication_classes = (BearerOrKeyAuthentication,)
    model: type[Versioned]

    def read_working(self, request: HttpRequest, thing: Versioned) -> HttpResponse:
        fields = parsing.names(
            parsing.query(request, ("fields",)), "fields", among=shapes.editor_fields(self.model.KIND)
        )
        return json_response(shapes.pick_working(thing, fields), headers={"ETag": thing.etag})

    def written(self, thing: Versioned, removed: Removed, *, status: int = 200) -> HttpResponse:
        """``thing`` comes from ``with_publication()``, or has what that adds."""
        return json_response(shapes.written(thing, removed), status=status, headers={"ETag": thing.etag})

    def save(self, request: HttpRequest, thing: Versioned, *, partial: bool) -> HttpResponse:
        """PUT and PATCH: the right, the body, the version, then one verb."""
        by = writer(request)
        rights.require_change(by, thing)
        values = self.input(request, INPUT[self.model.KIND], partial=partial)
        as_draft = parsing.flag(parsing.query(request, ("draft",)), "draft")
        published = values.pop("published", None)
        conditional.check_if_match(request, thing.etag)
        removed = Removed()
        saving.save(thing, values, published=published, as_draft=as_draft, by=by, now=clock.now(), removed=removed)
        return self.written(finding.again(thing), removed)


class EntryViewSet(WorkingCopyViewSet):
    model: type[Entry]
    lookup_field = "key"

    def list(self, request: HttpRequest) -> HttpResponse:
        if "status" not in request.GET:
            return answers.read_list(request, self.model.KIND)
        if not sees_drafts(request, self.model):
            writer(request)
            raise errors.Forbidden("Lists by status are for those who may see drafts.")
        return self._working_list(request)

    def _working_list(self, request: HttpRequest) -> HttpResponse:
        kind = self.model.KIND
        params = parsing.query(request, (*answers.list_parameters(kind), "status"))
        fields = parsing.names(params, "fields", among=shapes.editor_fields(kind))
        page = pagination.Page.from_query(params, default_per_page=answers.PER_PAGE[kind])
        answers.check_filters(params)
        rows, total = replicas.read(listing.working_copies, self.model, params, page)
        wanted = fields or [name for name in shapes.editor_fields(kind) if name not in ONLY_IN_DETAIL]
        payload = pagination.envelope([shapes.pick_working(row, wanted) for row in rows], page, total)
        return json_response(payload, headers={"Link": pagination.link_header(request, page, total)})

    def retrieve(self, request: HttpRequest, key: str) -> HttpResponse:
        if sees_drafts(request, self.model):
            found = finding.entry(self.model, key)
            if found is not None:
                return self.read_working(request, found)
        return answers.read_one(request, self.model.KIND, key)

    def create(self, request: HttpRequest) -> HttpResponse:
        by = writer(request)
        rights.require_create(by, self.model)
        values = self.input(request, INPUT[self.model.KIND])
        parsing.query(request, ())
        published = values.pop("published", None)
        removed = Removed()
        now = by.seen_at or clock.now()  # nothing was waited for since
        entry = saving.save_new(self.model, values, published=published, by=by, now=now, removed=removed)
        response = self.written(entry, removed, status=201)
        response["Location"] = f"{request.path.rstrip('/')}/{entry.slug}"
        return response

    def update(self, request: HttpRequest, key: str) -> HttpResponse:
        return self.save(request, self._locked(request, key), partial=False)

    def partial_update(self, request: HttpRequest, key: str) -> HttpResponse:
        return self.save(request, self._locked(request, key), partial=True)

    def destroy(self, request: HttpRequest, key: str) -> HttpResponse:
        by = writer(request)
        entry = self._locked(request, key)
        rights.require_delete(by, entry)
        parsing.query(request, ())
        conditional.check_if_match(request, entry.etag)
        drafts.delete(entry, by=by, now=clock.now())
        return HttpResponse(status=204)

    def _locked(self, request: HttpRequest, key: str) -> Entry:
        """The entry to write to. Somebody who may not see drafts learns of one only what a visitor would."""
        writer(request)
        if not sees_drafts(request, self.model) and not isinstance(reads.single(self.model.KIND, key), Single):
            raise errors.NotFound()  # not even where a draft's new slug leads to something public
        entry = finding.entry(self.model, key, lock=True)
        if entry is None:
            raise errors.NotFound()
        return entry


@schema.documented(Kind.PAGE)
class PageViewSet(EntryViewSet):
    model = Page


@schema.documented(Kind.POST)
class PostViewSet(EntryViewSet):
    model = BlogPost


@schema.documented(Kind.SETTINGS)
class SettingsViewSet(WorkingCopyViewSet):
    model = SiteSettings

    def retrieve(self, request: HttpRequest) -> HttpResponse:
        if sees_drafts(request, SiteSettings):
            return self.read_working(request, SiteSettings.objects.with_publication().get())
        return answers.read_settings(request)

    def update(self, request: HttpRequest) -> HttpResponse:
        return self._save(request, partial=False)

    def partial_update(self, request: HttpRequest) -> HttpResponse:
        return self._save(request, partial=True)

    def _save(self, request: HttpRequest, *, partial: bool) -> HttpResponse:
        writer(request)
        return self.save(request, SiteSettings.objects.select_for_update(of=("self",)).get(), partial=partial)
