"""The admin's theme, in one place: whatever of django-unfold our admin classes need, they import from here."""

from typing import Any

from django.contrib.admin.options import ActionLocation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter, TextFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget as Textarea
from unfold.widgets import UnfoldAdminTextInputWidget as TextInput

__all__ = ["ModelAdmin", "RangeDateTimeFilter", "TextFilter", "TextInput", "Textarea", "display"]


MAX_SEARCH = 100


class ModelAdmin(UnfoldModelAdmin):  # type: ignore[misc] # unfold is not annotated
    """What every admin page of ours stands on."""

    warn_unsaved_form = True
    list_per_page = 25
    show_full_result_count = False  # it would count the whole table a second time

    # --- History: Django's own log knows only what was done in the admin, so no page leads there ---

    def shows_history(self, request: HttpRequest) -> bool:
        """For a class that has a ``history_view`` of its own to say."""
        return False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["show_history"] = self.shows_history(request)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404

    def get_action_choices(
        self,
        request: HttpRequest,
        default_choices: Any = None,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> list[tuple[str, str]]:
        """The theme's own lacks the parameter that Django 6.1 asks for."""
        choices: list[tuple[str, str]] = super(UnfoldModelAdmin, self).get_action_choices(
            request, default_choices or [("", "Select action")], action_location=action_location
        )
        return choices

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """As much of the question as a question has; a thousand words would be a thousand conditions."""
        found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term[:MAX_SEARCH])
        return found

    def page(self, name: str, *args: Any) -> str:
        """The address of one of this model's admin pages."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)
