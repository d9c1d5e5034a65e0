"""What the admin pages of entries and of the site settings share: the form, its buttons, the link to the JSON."""

from typing import Any

from django.contrib import messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from accounts.models import User
from content import rights
from content.admin.editor import RichText
from content.admin.forms import Intent, WorkingCopyForm, actor, number_in
from content.admin.history import HistoryAdmin
from content.models import Entry, Versioned
from core.html import CleanHTMLField
from delivery.models import Kind

DONE = {
    Intent.DRAFT: "Draft saved.",
    Intent.PUBLISH: "Published: visitors see this now.",
    Intent.UNPUBLISH: "Unpublished: visitors do not see this any more.",
}


class VersionedAdmin(HistoryAdmin):
    """Every change goes through the verbs of ``content``; see ``forms.WorkingCopyForm`` for where they run."""

    form: type[WorkingCopyForm]
    model: type[Versioned]
    formfield_overrides = {CleanHTMLField: {"widget": RichText}, models.JSONField: {}}
    change_form_before_template = "content/form_status.html"
    actions: Any = ()

    # --- rows and rights ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model._default_manager.with_publication()  # type: ignore[attr-defined]
        return rows.select_related("created_by", "updated_by")

    def has_view_permission(self, request: HttpRequest, obj: Versioned | None = None) -> bool:
        return rights.may_see_drafts(actor(request), self.model)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return rights.may_create(actor(request), self.model)

    def has_change_permission(self, request: HttpRequest, obj: Versioned | None = None) -> bool:
        return self._may("change", request) if obj is None else rights.may_change(actor(request), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Versioned | None = None) -> bool:
        return self._may("delete", request) if obj is None else rights.may_delete(actor(request), obj)

    def has_publish_permission(self, request: HttpRequest, obj: Versioned | None = None) -> bool:
        return rights.may_publish(actor(request), self.model)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Asked before anybody is logged in, too."""
        return isinstance(request.user, User) and self.has_view_permission(request)

    def _may(self, action: str, request: HttpRequest) -> bool:
        """On some entries at least."""
        name = self.model._meta.model_name
        return any(actor(request).has_perm(f"content.{right}_{name}") for right in (action, f"{action}_own"))

    # --- the form ---

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.actor = actor(request)
        form.intent = next((one for one in Intent if one.value in request.POST), Intent.DRAFT)
        form.overwrites = number_in(request.POST.get("_overwrites"))
        for field in form.base_fields.values():
            if isinstance(field.widget, RichText):
                field.widget.as_source = request.GET.get("editor") == "source"
        return form

    def save_form(self, request: HttpRequest, form: WorkingCopyForm, change: bool) -> Any:
        """The form has saved it already."""
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: WorkingCopyForm, change: bool) -> None:
        """What became of it; saving was the form's."""
        if form.has_news:
            link = self.public_link(obj) if form.intent is Intent.PUBLISH else ""
            messages.success(request, format_html("{} {}", DONE[form.intent], link))
        else:
            messages.info(request, "Nothing was different, so nothing was saved.")
        for name, what in form.removed.by_field.items():
            listed = format_html_join(", ", "<code>{}</code>", ((one,) for one in what))
            messages.warning(request, format_html("Not allowed in {}, so it was left out: {}", name, listed))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There are no related rows."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._back_to_form(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._back_to_form(request, obj)

    def _back_to_form(self, request: HttpRequest, obj: Any) -> HttpResponse:
        query = "?editor=source" if request.GET.get("editor") == "source" else ""
        return HttpResponseRedirect(self.page("change", obj.pk) + query)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        form = context["adminform"].form
        is_editable = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        context |= {
            "newer": form.newer if isinstance(form, WorkingCopyForm) else None,
            "is_public": bool(obj and obj.live_revision_id),
            "has_unpublished_changes": bool(obj and obj.live_revision_id not in (None, obj.revision_id)),
            "is_binned": isinstance(obj, Entry) and obj.deleted_at is not None,
            "may_save": is_editable,
            "may_publish": is_editable and self.has_publish_permission(request),
            "may_unpublish": is_editable and self.has_publish_permission(request) and isinstance(obj, Entry),
            "is_source": request.GET.get("editor") == "source",
        }
        response: HttpResponse = super().render_change_form(request, context, **kwargs)
        return response

    # --- addresses ---

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        """What visitors get: the public JSON, if there is any."""
        if obj is None or not obj.live_revision_id:
            return None
        return self.public_url(obj)

    def public_url(self, obj: Versioned) -> str:
        return reverse("settings") if obj.KIND == Kind.SETTINGS else reverse(obj.KIND, args=[obj.pk])

    def public_link(self, obj: Versioned) -> str:
        return format_html('<a href="{}" target="_blank" class="underline">See the JSON</a>', self.public_url(obj))
