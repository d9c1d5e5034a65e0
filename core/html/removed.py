"""The list of what cleaning dropped, in words for the person who wrote it."""

MAX_ENTRIES = 50
AND_MORE = "…"

_SHOWN_OF_NAME = 40
_SHOWN_OF_VALUE = 60


class Removed:
    """Collects entries in order of first appearance, each once: at most 50, none longer than 200 characters."""

    def __init__(self) -> None:
        self._entries: dict[str, None] = {}
        self._has_more = False

    def character(self, character: str) -> None:
        self._add(f"character U+{ord(character):04X}")

    def comment(self) -> None:
        self._add("comment")

    def doctype(self) -> None:
        self._add("doctype")

    def element(self, name: str, *, src: str | None = None) -> None:
        self._add(f"<{_name(name)}>" if src is None else f'<{_name(name)} src="{_value(src)}">')

    def misplaced(self, name: str) -> None:
        self._add(f"<{_name(name)}> outside a table")

    def incomplete(self, name: str, *, missing: str) -> None:
        self._add(f"<{_name(name)}> without {missing}")

    def attribute(self, name: str, *, on: str) -> None:
        self._add(f"{_name(name)} on <{on}>")

    def repeated(self, name: str, *, on: str) -> None:
        self._add(f"repeated {_name(name)} on <{on}>")

    def value(self, value: str, *, of: str, on: str) -> None:
        self._add(f'{of} "{_value(value)}" on <{on}>')

    def entries(self) -> tuple[str, ...]:
        if self._has_more:
            return (*list(self._entries)[: MAX_ENTRIES - 1], AND_MORE)
        return tuple(self._entries)

    def _add(self, entry: str) -> None:
        if entry in self._entries:
            return
        if len(self._entries) == MAX_ENTRIES:
            self._has_more = True
        else:
            self._entries[entry] = None


def _name(name: str) -> str:
    return _visible(name, _SHOWN_OF_NAME)


def _value(value: str) -> str:
    """Of an address that names its scheme first only that is shown: a whole script or picture would say no more."""
    value = value.strip()
    scheme, colon, rest = value.partition(":")
    if colon and scheme.isalpha() and scheme.lower() not in ("http", "https") and rest:
        return f"{scheme.lower()[:_SHOWN_OF_NAME]}:…"
    return _visible(value, _SHOWN_OF_VALUE)


def _visible(text: str, length: int) -> str:
    """The beginning of the text, with everything that would not show, or would turn the line around, escaped."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:length])
    is_whole = len(text) <= length and len(shown) <= 2 * length
    return shown if is_whole else f"{shown[: 2 * length]}…"
