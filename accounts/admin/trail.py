"""The audit trail in the admin: to look at, for nobody to change."""

import json
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from accounts import audit, audit_search
from accounts.models import ApiKey, AuditEntry, User
from core import ids
from core.admin import ModelAdmin, RangeDateTimeFilter, TextFilter, display
from core.api import parsing


class ReachingPaginator(Paginator[Any]):
    """Counts no further than lists reach back."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        number: int = rows.order_by()[: audit_search.REACH].count()
        return number


class ActionFilter(TextFilter):  # type: ignore[misc] # unfold is not annotated
    title = "action, such as auth.login or auth."
    parameter_name = "action"

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        wanted = (self.value() or "").strip()
        return queryset.filter(**{"action__startswith" if wanted.endswith(".") else "action": wanted} if wanted else {})


class ActorFilter(TextFilter):  # type: ignore[misc] # unfold is not annotated
    title = "username or id of who did it"
    parameter_name = "actor"

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        wanted = (self.value() or "").strip()
        if not wanted:
            return queryset
        actor_id = ids.parse(wanted)
        return queryset.filter(actor_id=actor_id) if actor_id else queryset.filter(actor_name=wanted)


class AddressFilter(TextFilter):  # type: ignore[misc] # unfold is not annotated
    title = "address"
    parameter_name = "address"

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        wanted = (self.value() or "").strip()
        try:
            AuditEntry._meta.get_field("address").run_validators(wanted)
        except ValidationError:
            return queryset.none()
        return queryset.filter(address=wanted) if wanted else queryset


class ObjectFilter(TextFilter):  # type: ignore[misc] # unfold is not annotated
    title = "id of the thing"
    parameter_name = "object_id"

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        wanted = (self.value() or "").strip()
        return queryset.filter(object_id=wanted) if wanted else queryset


class KindFilter(admin.SimpleListFilter):
    """Of everything that has a page in the admin."""

    title = "kind of thing"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, str(model._meta.verbose_name)) for kind, model in sorted(_pages(model_admin.admin_site).items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class MomentFilter(RangeDateTimeFilter):  # type: ignore[misc] # unfold is not annotated
    """In UTC; the theme's own compares moments without a zone, and ignores a day without a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "time (UTC)"

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        for end, lookup, otherwise in (("from", "at__gte", "00:00:00"), ("to", "at__lte", "23:59:59")):
            day, time = (self.used_parameters.get(f"at_{end}_{part}") or "" for part in (0, 1))
            moment = parsing.moment(f"{day}T{time or otherwise}Z")
            queryset = queryset.filter(**{lookup: moment}) if moment else queryset
        return queryset


class TrailAdmin(ModelAdmin):
    list_display = ("at_to_the_second", "action", "who", "what", "address", "is_sealed")
    list_display_links = ("at_to_the_second", "action")
    list_filter = (ActionFilter, ActorFilter, KindFilter, ObjectFilter, AddressFilter, ("at", MomentFilter))
    list_filter_submit = True
    list_disable_select_all = True
    search_fields = ("request_id__exact", "object_id__exact", "object_name__icontains")
    search_help_text = "Request id, id of a thing, part of its name"
    ordering = ("-id",)
    sortable_by = ()
    paginator = ReachingPaginator
    list_per_page = 50
    actions = None
    show_facets = admin.ShowFacets.NEVER  # each would be a count of the whole trail
    fieldsets = (
        (None, {"fields": ("at_to_the_second", "action", "shown_actor", "shown_key", "shown_object")}),
        ("What changed", {"fields": ("shown_changes", "shown_facts")}),
        ("From where", {"fields": ("address", "shown_request")}),
        ("Seal", {"fields": ("is_sealed", "position", "shown_hash")}),
    )

    # --- nobody changes anything, superusers included ---

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in ("action", "actor", "kind", "object_id", "address") or lookup.startswith(
            ("at_from_", "at_to_")
        )

    # --- the list ---

    @display(description="at (UTC)")
    def at_to_the_second(self, row: AuditEntry) -> str:
        return f"{row.at:%Y-%m-%d %H:%M:%S}"

    @display(description="who")
    def who(self, row: AuditEntry) -> str:
        return f"{row.actor_name} (API key)" if row.api_key_id else row.actor_name or "-"

    @display(description="done to")
    def what(self, row: AuditEntry) -> str:
        name = row.object_name if len(row.object_name) <= 60 else f"{row.object_name[:59]}…"
        return f"{row.kind.replace('_', ' ')} {name or row.object_id}".strip() or "-"

    @display(description="sealed", boolean=True)
    def is_sealed(self, row: AuditEntry) -> bool:
        return row.position is not None

    # --- one row ---

    @display(description="who")
    def shown_actor(self, row: AuditEntry) -> str:
        return self._linked(User, row.actor_id, row.actor_name) if row.actor_id else "nobody who was known"

    @display(description="with API key")
    def shown_key(self, row: AuditEntry) -> str:
        return self._linked(ApiKey, row.api_key_id, str(row.api_key_id)) if row.api_key_id else "-"

    @display(description="done to")
    def shown_object(self, row: AuditEntry) -> str:
        model = _pages(self.admin_site).get(row.kind)
        text = f"{row.kind.replace('_', ' ')} {row.object_name or row.object_id}".strip() or "-"
        return self._linked(model, row.object_id, text) if model is not None else text

    @display(description="fields")
    def shown_changes(self, row: AuditEntry) -> str:
        if not row.changes:
            return "no field"
        cells = [(field, *(_text(value) for value in pair)) for field, pair in row.changes.items()]
        body = format_html_join("", "<tr><th scope=row>{}</th><td>{}</td><td>{}</td></tr>", cells)
        head = "<thead><tr><th>Field</th><th>Before</th><th>After</th></tr></thead>"
        return format_html('<table class="desk-changes">' + head + "<tbody>{}</tbody></table>", body)

    @display(description="facts")
    def shown_facts(self, row: AuditEntry) -> str:
        cells = [(fact.replace("_", " "), _text(value)) for fact, value in row.facts.items()]
        body = format_html_join("", "<tr><th scope=row>{}</th><td>{}</td></tr>", cells)
        return format_html('<table class="desk-changes">{}</table>', body) if cells else "-"

    @display(description="request")
    def shown_request(self, row: AuditEntry) -> str:
        if not row.request_id:
            return "-"
        others = f"{self.page('changelist')}?{urlencode({'q': row.request_id})}"
        return format_html('{} · <a class="underline" href="{}">All of this request</a>', row.request_id, others)

    @display(description="hash")
    def shown_hash(self, row: AuditEntry) -> str:
        return format_html('<code class="desk-seal">{}</code>', row.hash) if row.hash else "-"

    def _linked(self, model: type[Model], pk: Any, text: str) -> str:
        """A link to its page, where it is still there."""
        try:
            is_there = model._default_manager.filter(pk=pk).exists()
        except (ValueError, ValidationError):  # no id of such a thing
            is_there = False
        if not is_there:
            return text
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return format_html('<a class="underline" href="{}">{}</a>', reverse(name, args=[pk]), text)


def _pages(site: Any) -> dict[str, type[Model]]:
    """What the trail speaks of, and whose pages show it; layers above are found here without being known."""
    return {audit.kind_of(model): model for model in site._registry}


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
