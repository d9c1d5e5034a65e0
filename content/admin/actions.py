"""What a list of entries offers for several at once. Each entry is a step of its own: one refusal stops no other."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from content import drafts, publishing
from content.admin.filters import BIN
from content.admin.forms import actor, sentence
from content.admin.versioned import VersionedAdmin
from content.models import Entry
from core import clock, errors
from delivery import reads

AT_ONCE = 100
NAMED = 5


class EntryActions(VersionedAdmin):
    model: type[Entry]
    actions = ("publish", "unpublish", "move_to_bin", "take_out_of_bin")
    list_disable_select_all = True

    def get_actions(self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST) -> Any:
        """In the bin one can only restore, elsewhere one cannot; Django's own deletion is never offered."""
        offered = super().get_actions(request, action_location=action_location)
        is_bin = request.GET.get("status") == BIN
        wanted = {"take_out_of_bin"} if is_bin else {"publish", "unpublish", "move_to_bin"}
        return {name: action for name, action in offered.items() if name in wanted}

    @admin.action(description="Publish", permissions=["publish"])
    def publish(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def verb(entry: Entry) -> None:
            if reads.live_revision(entry.KIND, entry.pk) == entry.revision_id:
                raise errors.Conflict("It is public already, just as it is.")
            publishing.publish(entry, by=actor(request), now=clock.now())

        self._each(request, rows, "Published", verb)

    @admin.action(description="Unpublish", permissions=["publish"])
    def unpublish(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def verb(entry: Entry) -> None:
            publishing.unpublish(entry, by=actor(request), now=clock.now())

        self._each(request, rows, "Unpublished", verb)

    @admin.action(description="Move to the bin", permissions=["delete"])
    def move_to_bin(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def verb(entry: Entry) -> None:
            drafts.delete(entry, by=actor(request), now=clock.now())

        self._each(request, rows, "Moved to the bin", verb)

    @admin.action(description="Restore from the bin", permissions=["delete"])
    def take_out_of_bin(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def verb(entry: Entry) -> None:
            drafts.restore(entry, by=actor(request), now=clock.now())

        self._each(request, rows, "Restored as drafts", verb)

    def _each(self, request: HttpRequest, rows: QuerySet[Any], done: str, verb: Callable[[Entry], None]) -> None:
        chosen = list(rows.values_list("pk", flat=True)[: AT_ONCE + 1])
        if len(chosen) > AT_ONCE:
            messages.error(request, f"At most {AT_ONCE} at once, please. Nothing was changed.")
            return
        succeeded: list[str] = []
        for pk in chosen:
            try:
                with transaction.atomic():
                    entry = self._lock(request, pk)
                    verb(entry)
            except errors.Refusal as refusal:
                messages.error(request, f"{self._title(pk)}: {sentence(refusal)}")
            else:
                succeeded.append(str(entry))
        if succeeded:
            more = f" and {len(succeeded) - NAMED} more" if len(succeeded) > NAMED else ""
            messages.success(request, f"{done}: {', '.join(succeeded[:NAMED])}{more}.")

    def _lock(self, request: HttpRequest, pk: Any) -> Entry:
        """Nobody moves it into the bin, or out of it, in the middle of our step."""
        rows = self.model.objects.binned() if request.GET.get("status") == BIN else self.model.objects.present()
        entry: Entry | None = rows.select_for_update(of=("self",)).filter(pk=pk).first()
        if entry is None:
            raise errors.NotFound("It is not here any more.")
        return entry

    def _title(self, pk: Any) -> str:
        return str(self.model.objects.filter(pk=pk).first() or pk)
