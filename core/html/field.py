from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from core.html.cleaning import clean
from core.html.writing import TooDeep


class CleanHTMLField(models.TextField):
    """Text that is cleaned on its way into the database, whoever writes: save, update, their bulk kinds, fixtures.

    After save() the instance holds the cleaned text too. Callers that want to tell what was removed call `clean`
    themselves and assign its `html`, which is not cleaned twice. HTML that is nested too deeply raises TooDeep on
    save, and a ValidationError in full_clean() and forms. Database expressions cannot be cleaned: save() refuses
    them with a TypeError, and `update(body=F(...))` must only copy from another such field.
    """

    description = "Sanitised HTML"

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        return name, "core.html.CleanHTMLField", args, kwargs

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Validators and `blank` judge what will be stored."""
        try:
            value = _cleaned(self.to_python(value))
        except TooDeep as error:
            raise ValidationError(str(error), code=error.code) from error
        return super().clean(value, model_instance)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = getattr(model_instance, self.attname)
        if hasattr(value, "resolve_expression"):
            raise TypeError(f"{self.name} takes text: what the database computes cannot be cleaned.")
        value = _cleaned(value)
        setattr(model_instance, self.attname, value)
        return value

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        cleaned = _cleaned(value)
        return super().get_db_prep_save(str(cleaned) if isinstance(cleaned, str) else cleaned, connection)


def _cleaned(value: Any) -> Any:
    return clean(value).html if isinstance(value, str) else value
