"""Says what is wrong with stored HTML. Knows nothing of `core.html`: its lists are written down a second time here."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

_INLINE = "a abbr b br cite code del dfn em i ins kbd mark q s samp small span strong sub sup time u var wbr"
_BLOCKS = "address aside blockquote dd details div dl dt figcaption figure hr li ol p pre section summary ul"
_OTHERS = "h1 h2 h3 h4 h5 h6 table caption colgroup col thead tbody tfoot tr th td img iframe"
ELEMENTS = set(f"{_INLINE} {_BLOCKS} {_OTHERS}".split())
VOID = {"br", "col", "hr", "img", "wbr"}

ATTRIBUTES = {
    "*": "class dir lang title",
    "a": "href hreflang rel target",
    "blockquote": "cite",
    "col": "span",
    "colgroup": "span",
    "del": "cite datetime",
    "details": "open",
    "iframe": "allow allowfullscreen frameborder height loading referrerpolicy src width",
    "img": "alt decoding height loading src width",
    "ins": "cite datetime",
    "li": "value",
    "ol": "reversed start type",
    "q": "cite",
    "td": "colspan rowspan scope",
    "th": "abbr colspan rowspan scope",
    "time": "datetime",
}
NUMBERS = {"colspan", "height", "rowspan", "span", "start", "value", "width"}
CLASSES = {
    *("align-center", "align-full", "align-justify", "align-left", "align-right", "align-wide", "button", "lead"),
    *("callout", "callout-danger", "callout-info", "callout-success", "callout-warning"),
}
VIDEO_HOSTS = {
    "www.youtube.com",
    "youtube.com",
    "www.youtube-nocookie.com",
    "youtube-nocookie.com",
    "player.vimeo.com",
    "www.dailymotion.com",
}

# Every "<" opens a plainly written tag, every value is quoted, and a quote, "<" or ">" stands nowhere else: no
# parser can read other tags out of this than any other parser.
_PLAIN = re.compile(r'(?:[^<>]|</[a-z][a-z0-9]*>|<[a-z][a-z0-9]*(?: [a-z]+="[^"<>]*")*>)*')
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def complaints(html: str) -> list[str]:
    judge = _Judge()
    if not _PLAIN.fullmatch(html):
        judge.found.append("not plainly written")
    if _CONTROLS.search(html):
        judge.found.append("characters that no document may hold")
    judge.feed(html)
    judge.close()
    if judge.open:
        judge.found.append(f"never closed: {judge.open}")
    return judge.found


class _Judge(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.found.append(f"element {tag}")
        if "iframe" in self.open:
            self.found.append("an iframe with content")
        if tag not in VOID:
            self.open.append(tag)
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.found.append(f"an attribute twice on {tag}")
        for name, value in attrs:
            self._judge_attribute(tag, name, value or "")
        values = {name: value or "" for name, value in attrs}
        if tag in {"iframe", "img"} and "src" not in values:
            self.found.append(f"{tag} without src")
        if "target" in values and not {"noopener", "noreferrer"} <= set(values.get("rel", "").split()):
            self.found.append("a new window with an opener")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}> out of order")

    def handle_data(self, data: str) -> None:
        if "iframe" in self.open:
            self.found.append("an iframe with content")

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.found.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.found.append("processing instruction")

    def unknown_decl(self, data: str) -> None:
        self.found.append("marked section")

    def _judge_attribute(self, tag: str, name: str, value: str) -> None:
        if name not in f"{ATTRIBUTES['*']} {ATTRIBUTES.get(tag, '')}".split():
            self.found.append(f"attribute {name} on {tag}")
        elif not self._is_good(tag, name, value):
            self.found.append(f"{name}={value!r} on {tag}")

    def _is_good(self, tag: str, name: str, value: str) -> bool:
        if name in {"href", "src", "cite"}:
            return _is_good_video(value) if tag == "iframe" else _is_good_address(name, value)
        if name == "class":
            return all(one in CLASSES or _is_language(tag, one) for one in value.split(" "))
        if name == "rel":
            return set(value.split(" ")) <= {"nofollow", "noopener", "noreferrer", "sponsored", "ugc"}
        if name == "target":
            return value == "_blank"
        if name == "allow":
            return re.search(r"camera|microphone|geolocation|display|payment|usb|midi|\*|'", value) is None
        return name not in NUMBERS or (re.fullmatch(r"-?[0-9]{1,6}", value) is not None)


def _is_language(tag: str, name: str) -> bool:
    return tag in {"code", "pre"} and re.fullmatch(r"language-[a-z0-9+#._-]+", name) is not None


def _is_good_address(name: str, value: str) -> bool:
    as_browsers_read = re.sub(r"[\x00-\x20\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060\ufeff]", "", value)
    if "\\" in value or as_browsers_read.startswith("//") or not as_browsers_read:
        return False
    before_path = re.split("[/?#]", as_browsers_read)[0]
    if ":" not in before_path:
        return True
    parts = urlsplit(as_browsers_read)
    if parts.scheme in {"http", "https"}:
        return bool(parts.hostname) and "@" not in parts.netloc
    return name == "href" and parts.scheme in {"mailto", "tel"}


def _is_good_video(value: str) -> bool:
    parts = urlsplit(value)
    is_embed = re.fullmatch(r"/(embed|video|embed/video)/[A-Za-z0-9_-]+", parts.path) is not None
    return parts.scheme == "https" and parts.netloc in VIDEO_HOSTS and is_embed and "\\" not in value
