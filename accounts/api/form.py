"""Reading the one form of the API, the OAuth2 password form, as strictly as JSON is read."""

from urllib.parse import parse_qsl

from django.http import HttpRequest

from core import errors
from core.api import parsing

MAX_FIELDS = 20


def fields(request: HttpRequest) -> dict[str, str]:
    """Raises ``UnsupportedMediaType`` (415), ``Malformed`` (400), or ``Invalid`` (422) for a field sent twice."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise errors.UnsupportedMediaType("Send application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise errors.Malformed(f"The form is not UTF-8, or has more than {MAX_FIELDS} fields.") from error
    for pair in pairs:
        for text in pair:
            parsing.check_text(text)
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise errors.Invalid(errors=[errors.FieldError(name, "duplicate", "Send it once.") for name in twice])
    return dict(pairs)
