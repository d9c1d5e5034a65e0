"""A cache of one's own: ``PURGE /`` with the keys in a header, as docs/cdn.md sets up Varnish and nginx."""

from delivery.providers import http

EVERYTHING = "*"  # a key that the cache itself puts on everything


class Node:
    """The base of Varnish and nginx, which differ in the name of that header."""

    scheme = ""
    header = ""
    keys_per_request = 100  # 4 KB; both accept header lines of 8 KB unless they are told otherwise

    def __init__(self, *, address: str, token: str = "", tls: bool = False) -> None:
        """``address`` is ``host:port``."""
        self.name = f"{self.scheme}://{address}"
        self._url = f"{'https' if tls else 'http'}://{address}/"
        self._token = token

    def purge(self, keys: list[str]) -> None:
        token = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        http.ask("PURGE", self._url, headers={self.header: " ".join(keys), **token}, secret=self._token)

    def purge_everything(self) -> None:
        self.purge([EVERYTHING])
