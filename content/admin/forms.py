"""The forms of working copies. Saving is a part of their validation, so that a verb's refusal stands at its field."""

import enum
import re
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.models import User
from content import saving
from content.admin.fields import LinksField, TagsField
from content.admin.steps import Step, last_step
from content.drafts import Removed
from content.models import BlogPost, Entry, SiteSettings, Versioned
from core import clock, errors
from core.admin import Textarea


class Intent(enum.Enum):
    """Which button was pressed. Only a button that says so publishes."""

    DRAFT = "_save"
    PUBLISH = "_publish"
    UNPUBLISH = "_unpublish"


class ChangedMeanwhile(errors.PreconditionFailed):
    """The form names a version that is no longer the present one."""

    def __init__(self, newer: Step) -> None:
        self.newer = newer
        super().__init__("Somebody else has saved this while you were writing.")


def actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin site lets nobody else in
    return request.user


def number_in(sent: str | None) -> int | None:
    """A version as a form sends it back."""
    return int(sent) if sent and re.fullmatch(r"[0-9]{1,9}", sent) else None


def sentence(refusal: errors.Refusal) -> str:
    """A refusal for a place that has no fields."""
    return " ".join(one.detail for one in refusal.errors) or refusal.detail


def locked[V: Versioned](model: type[V], pk: Any, *, version: int | None) -> V:
    """The present row, locked until the transaction ends, if it still is the version that the caller has seen."""
    row: V | None = model._default_manager.select_for_update(of=("self",)).filter(pk=pk).first()
    if row is None:
        raise errors.NotFound("It is not there any more.")
    if row.version != version:
        raise ChangedMeanwhile(last_step(row))
    if isinstance(row, Entry) and row.deleted_at:
        raise errors.Conflict("It lies in the bin. Restore it first; what you have written is still below.")
    return row


class WorkingCopyForm(forms.ModelForm):
    """Valid means saved: ``is_valid()`` runs the verb, in the transaction of the admin's view.

    The admin has no other moment at which a refusal could still become an error of a field with everything that was
    typed around it. ``actor`` and ``intent`` are set on the class that the admin makes for each request.
    """

    actor: ClassVar[User]
    intent: ClassVar[Intent] = Intent.DRAFT
    overwrites: ClassVar[int | None] = None  # the newer version that the writer has been shown and wants to replace

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.removed = Removed()
        self.newer: Step | None = None
        self.has_news = True
        self.is_new = self.instance._state.adding
        self.fields["version"].initial = self.instance.version

    def _post_clean(self) -> None:
        """In the place of Django's, which would write into ``instance`` and validate it beside the verb."""
        if self.errors:
            return
        try:
            self.instance = self._create() if self.is_new else self._change()
        except ChangedMeanwhile as refusal:
            self.newer = refusal.newer
        except errors.Refusal as refusal:
            self._show(refusal)
        if self.newer:
            self.add_error(None, ValidationError("Not saved: somebody else was faster.", code="changed_meanwhile"))

    def _values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self._meta.model.FIELDS if name in self.cleaned_data}

    def _create(self) -> Versioned:
        entry: Entry = saving.save_new(
            self._meta.model,
            self._values(),
            published=self.intent is Intent.PUBLISH,
            by=self.actor,
            now=clock.now(),
            removed=self.removed,
        )
        return entry

    def _change(self) -> Versioned:
        seen = self.overwrites or self.cleaned_data["version"]
        row: Versioned = locked(self._meta.model, self.instance.pk, version=seen)
        saving.save(
            row,
            self._values(),
            published={Intent.PUBLISH: True, Intent.UNPUBLISH: False}.get(self.intent),
            as_draft=self.intent is Intent.DRAFT,
            by=self.actor,
            now=clock.now(),
            removed=self.removed,
        )
        self.has_news = row.version != seen
        return row

    def _show(self, refusal: errors.Refusal) -> None:
        for one in refusal.errors:
            name = one.field.partition(".")[0]
            self.add_error(name if name in self.fields else None, ValidationError(one.detail, code=one.code))
        if not refusal.errors:
            self.add_error(None, ValidationError(refusal.detail, code=refusal.code))


class EntryForm(WorkingCopyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = not self.is_new
            self.fields["slug"].help_text = (
                "The last part of its address. Empty: made from the title."
                if self.is_new
                else "The last part of its address. Once public, the old address leads to the new one."
            )


class PostForm(EntryForm):
    excerpt = forms.CharField(
        required=False, max_length=500, widget=Textarea({"rows": 3}), help_text="Shown in lists: a sentence or two."
    )
    tags = TagsField(required=False, help_text="With commas between them: news, product. The order stays.")

    class Meta:
        model = BlogPost
        fields = BlogPost.FIELDS


class SiteSettingsForm(WorkingCopyForm):
    social_links = LinksField(required=False, help_text="A name and an address each. Saving adds empty rows.")

    class Meta:
        model = SiteSettings
        fields = SiteSettings.FIELDS
