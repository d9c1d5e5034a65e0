"""What the pages of users and groups share: a form whose validation runs the verb, and refusals that are shown."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts import audit
from accounts.models import User
from core import errors
from core.admin import ModelAdmin

AT_ONCE = 100
NAMED = 5
READ_TRAIL = "accounts.view_auditentry"


def actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin site lets nobody else in
    return request.user


def sentence(refusal: errors.Refusal) -> str:
    """A refusal for a place that has no fields."""
    return " ".join(one.detail for one in refusal.errors) or refusal.detail


class VerbForm(forms.ModelForm):
    """Valid means saved: ``is_valid()`` runs the verb, in the transaction of the admin's view.

    So a refusal becomes an error of its field, with everything that was typed around it. ``actor`` is set on the class
    that the admin makes for each request.
    """

    actor: ClassVar[User]
    places: ClassVar[dict[str, str]] = {}  # a verb's name for something, and the field that it has here

    def run(self) -> models.Model:
        """Calls the verb with ``cleaned_data`` and gives what was saved."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        """In the place of Django's, which would write into ``instance`` and validate it beside the verb."""
        if self.errors:
            return
        try:
            self.instance = self.run()
        except errors.Refusal as refusal:
            self._show(refusal)

    def _show(self, refusal: errors.Refusal) -> None:
        for one in refusal.errors:
            name = one.field.partition(".")[0]
            name = self.places.get(name, name)
            self.add_error(name if name in self.fields else None, ValidationError(one.detail, code=one.code))
        if not refusal.errors:
            self.add_error(None, ValidationError(refusal.detail, code=refusal.code))


class AuditedAdmin(ModelAdmin):
    """*History* leads to what the audit trail tells of the thing, for those who may read it."""

    def shows_history(self, request: HttpRequest) -> bool:
        return actor(request).has_perm(READ_TRAIL)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Also of what is gone: its rows stay."""
        if not self.shows_history(request):
            raise PermissionDenied
        wanted = {"kind": audit.kind_of(self.model), "object_id": unquote(object_id)}
        return HttpResponseRedirect(f"{reverse('admin:accounts_auditentry_changelist')}?{urlencode(wanted)}")


class VerbAdmin(AuditedAdmin):
    """Changes and deletions by verbs. Whoever lists rows asks by what the list offers, and by nothing else."""

    lookups: tuple[str, ...] = ()  # in addresses of lists: what the filters ask
    list_disable_select_all = True

    def delete_by_verb(self, row: Any, *, by: User) -> None:
        """Each admin that lets rows be deleted says here by which verb."""
        raise NotImplementedError

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Django would let anybody who sees the list ask ``session_stamp__startswith``."""
        return lookup in self.lookups

    # --- the form ---

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.actor = actor(request)
        return form

    def save_form(self, request: HttpRequest, form: VerbForm, change: bool) -> Any:
        """The form has saved it already."""
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form has saved it already."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The form has saved it already."""

    # --- deleting ---

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes along is the verb's to know; who may, is asked for each."""
        named = [self.deletion(row) for row in objs]
        is_refused = not all(self.has_delete_permission(request, row) for row in objs)
        counts = {str(self.opts.verbose_name_plural): len(named)}
        return named, counts, {str(self.opts.verbose_name)} if is_refused else set(), []

    def deletion(self, row: Any) -> str:
        return str(row)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self._shown(request, self.page("change", object_id), super().delete_view, object_id, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Django's deletion of several at once is refused as a whole."""
        return self._shown(request, self.page("changelist"), super().changelist_view, extra_context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_by_verb(obj, by=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_by_verb(row, by=actor(request))

    def _shown(self, request: HttpRequest, back: str, view: Callable[..., HttpResponse], *rest: Any) -> HttpResponse:
        if request.method != "POST":
            return view(request, *rest)
        try:
            with transaction.atomic():
                return view(request, *rest)
        except errors.Refusal as refusal:
            messages.error(request, sentence(refusal))
            return HttpResponseRedirect(back)

    # --- several at once ---

    def each(self, request: HttpRequest, rows: Iterable[Any], done: str, verb: Callable[[Any], None]) -> None:
        """Each is a step of its own: one refusal stops no other."""
        succeeded: list[str] = []
        for row in list(rows)[:AT_ONCE]:
            try:
                with transaction.atomic():
                    verb(row)
            except errors.Refusal as refusal:
                messages.error(request, f"{row}: {sentence(refusal)}")
            else:
                self.log_change(request, row, f"{done}.")
                succeeded.append(str(row))
        if succeeded:
            more = f" and {len(succeeded) - NAMED} more" if len(succeeded) > NAMED else ""
            messages.success(request, f"{done}: {', '.join(succeeded[:NAMED])}{more}.")
