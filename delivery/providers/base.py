"""What purging asks of an adapter, whatever CDN stands behind it."""

from typing import Protocol


class Purger(Protocol):
    """One CDN, or one node of a cache of one's own. Both verbs return when it has said yes, and raise PurgeFailed
    otherwise. Purging a key twice, or one that nothing carries, does no harm."""

    name: str  # in logs and in the database, such as varnish://cache-1:6081; never a secret
    keys_per_request: int

    def purge(self, keys: list[str]) -> None:
        """In one request: at most ``keys_per_request`` keys."""

    def purge_everything(self) -> None: ...


class PurgeFailed(Exception):
    """In one sentence for the log. ``retry_after``: the seconds that the other side asked us to wait."""

    def __init__(self, sentence: str, *, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
