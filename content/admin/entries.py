"""Pages and posts."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_POST

from content import drafts, rights
from content.admin.actions import EntryActions
from content.admin.filters import BIN, CHANGED, BylineFilter, StatusFilter, TagFilter, WriterFilter
from content.admin.forms import EntryForm, PostForm, actor, locked, number_in, sentence
from content.models import Entry, Status, Versioned
from core import clock, errors
from core.admin import display

TABS = (
    ("All", ""),
    ("Drafts", Status.DRAFT.value),
    ("Published", Status.PUBLISHED.value),
    ("Unpublished changes", CHANGED),
    ("Bin", BIN),
)


class EntryAdmin(EntryActions):
    model: type[Entry]
    form = EntryForm
    ordering = ("-created_at", "id")
    list_filter: tuple[Any, ...] = (StatusFilter, WriterFilter, "updated_at")
    list_filter_submit = True
    list_before_template = "content/list_tabs.html"
    search_help_text = "Looks through titles"
    search_fields: tuple[str, ...] = ("title",)

    # --- the list ---

    @display(description="Title", ordering="title", header=True)
    def headline(self, entry: Entry) -> list[str]:
        return [entry.title, f"/{entry.slug}"]

    @display(description="Status", ordering="computed_status")
    def status(self, entry: Any) -> str:
        return render_to_string("content/status.html", {"entry": entry})

    @display(description="Updated", ordering="updated_at", header=True)
    def updated(self, entry: Any) -> list[str]:
        return [_moment(entry.updated_at), f"by {entry.updated_by}" if entry.updated_by else ""]

    @display(description="Created", ordering="created_at", header=True)
    def created(self, entry: Any) -> list[str]:
        return [_moment(entry.created_at), f"by {entry.created_by}" if entry.created_by else ""]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        chosen = request.GET.get("status", "")
        address = self.page("changelist")
        tabs = [
            {"title": title, "link": f"{address}?status={value}" if value else address, "active": value == chosen}
            for title, value in TABS
        ]
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "list_tabs": tabs})
        return response

    # --- deleting and restoring ---

    def has_change_permission(self, request: HttpRequest, obj: Versioned | None = None) -> bool:
        """What lies in the bin is only looked at. A form that was open when it went there is answered all the same."""
        if isinstance(obj, Entry) and obj.deleted_at and request.method != "POST":
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What is public is deleted by those only who may take it back from the public."""
        if obj is not None and (obj.deleted_at or (obj.live_revision_id and not self.has_publish_permission(request))):
            return False
        return super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nothing goes with it: it is only moved."""
        return [str(one) for one in objs], {}, set(), []

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            with transaction.atomic():
                response: HttpResponse = super().delete_view(request, object_id, {"title": "Move to the bin"})
                return response
        except errors.Refusal as refusal:
            messages.error(request, f"Not deleted: {sentence(refusal)}")
            return HttpResponseRedirect(self.page("change", object_id))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        row = locked(self.model, obj.pk, version=number_in(request.POST.get("version")))
        drafts.delete(row, by=actor(request), now=clock.now())

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, f"“{obj_display}” lies in the bin now. It can be restored from there.")
        return HttpResponseRedirect(self.page("changelist"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.restore_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_restore"
        return [path("<uuid:object_id>/restore/", view, name=name), *super().get_urls()]

    def restore_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows: QuerySet[Any] = self.model.objects.select_for_update(of=("self",))
        try:
            with transaction.atomic():
                row = rows.filter(pk=object_id).first()
                if row is None:
                    raise errors.NotFound("It is not there any more.")
                drafts.restore(row, by=actor(request), now=clock.now())
        except errors.Forbidden as refusal:
            raise PermissionDenied from refusal
        except errors.Refusal as refusal:
            messages.error(request, sentence(refusal))
            return HttpResponseRedirect(self.page("changelist"))
        messages.success(request, "Restored from the bin, as a draft.")
        return HttpResponseRedirect(self.page("change", object_id))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        context["may_restore"] = bool(obj and obj.deleted_at and rights.may_delete(actor(request), obj))
        return super().render_change_form(request, context, **kwargs)


class PageAdmin(EntryAdmin):
    list_display = ("headline", "status", "updated", "created")
    fieldsets = (
        (None, {"fields": ("title", "slug", "body")}),
        ("Search engines and sharing", {"fields": ("meta_title", "meta_description", "og_image_url")}),
    )


class PostAdmin(EntryAdmin):
    form = PostForm
    list_display = ("headline", "status", "author", "updated", "created")
    list_filter = (StatusFilter, TagFilter, BylineFilter, WriterFilter, "updated_at")
    search_fields = ("title", "excerpt")
    search_help_text = "Looks through titles and excerpts"
    fieldsets = (
        (None, {"fields": ("title", "slug", "excerpt", "body")}),
        ("About this post", {"fields": ("tags", "author", "featured_image_url")}),
    )


def _moment(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i")
