"""As much of a browser as a login form needs: cookies, redirects, a form."""

import re
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_STYLE = re.compile(r'<link[^>]+href="(/static/[^"]+\.css)"')


class Browser:
    def __init__(self, base: str) -> None:
        self._base = base
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.address = base

    def open(self, path: str, fields: dict[str, str] | None = None) -> str:
        """Follows redirects. Raises HTTPError for what is refused."""
        data = None if fields is None else urlencode(fields).encode()
        request = Request(urljoin(self._base, path), data, {"Origin": self._base, "Referer": self.address})
        with self._opener.open(request, timeout=20) as response:
            self.address = response.url
            text: str = response.read().decode()
            return text

    def send_form(self, path: str, **fields: str) -> str:
        """Fills in the form of a page and sends it to the same address."""
        [token] = set(_TOKEN.findall(self.open(path))) or {""}
        return self.open(path, {"csrfmiddlewaretoken": token, **fields})


def styles(page: str) -> list[str]:
    return _STYLE.findall(page)
