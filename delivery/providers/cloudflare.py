"""Cloudflare, which calls surrogate keys cache tags.

https://developers.cloudflare.com/cache/how-to/purge-cache/ (limits included)
"""

import json
from typing import Any

from delivery.providers import http
from delivery.providers.base import PurgeFailed

API = "https://api.cloudflare.com/client/v4"


class Cloudflare:
    keys_per_request = 100

    def __init__(self, *, zone: str, token: str, api: str = API) -> None:
        """The token needs the permission Zone / Cache Purge / Purge, for this zone alone."""
        self.name = f"cloudflare://{zone}"
        self._url = f"{api}/zones/{zone}/purge_cache"
        self._token = token

    def purge(self, keys: list[str]) -> None:
        self._post({"tags": keys})

    def purge_everything(self) -> None:
        self._post({"purge_everything": True})

    def _post(self, what: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        answer = http.ask("POST", self._url, headers=headers, body=json.dumps(what).encode(), secret=self._token)
        if not _is_success(answer.body):
            raise PurgeFailed(f"POST {self._url}: {http.said(answer, self._token)}")


def _is_success(body: bytes) -> bool:
    """It says so in the body, whatever the status."""
    try:
        told = json.loads(body)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("success") is True
