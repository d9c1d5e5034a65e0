"""Writers and readers that keep books: what was acknowledged, what was only tried, how long everything took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from tests.faults.client import Answer, Client, Dropped, NotConnected, connection_to, slowest, statuses

PAUSE = 0.02  # after a refusal: nobody hammers a server that is away
GONE = None  # the state of a post that was deleted

State = tuple[str, str, bool] | None  # title, body, published


@dataclass
class Known:
    """One post whose creation was acknowledged."""

    acknowledged: State
    tried: State  # the step under way when nobody answered; otherwise the acknowledged one


@dataclass
class Book:
    """Of one thread. ``at`` holds, beside each answer, when it came (monotonic)."""

    posts: dict[str, Known] = field(default_factory=dict)
    answers: list[tuple[float, Answer]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    refused: int = 0  # connections, not requests


class Worker(Thread):
    def __init__(self, client: Client, stopped: Event) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.book = Book()
        self._stopped = stopped

    def ask(self, *arguments: Any, **options: Any) -> Answer | None:
        try:
            answer = self.client.ask(*arguments, **options)
        except NotConnected:
            self.book.refused += 1
        except Dropped as dropped:
            self.book.dropped.append(str(dropped))
        else:
            self.book.answers.append((time.monotonic(), answer))
            if answer.status < 500:
                return answer
        time.sleep(PAUSE)
        return None


class Writer(Worker):
    """Creates, changes, withdraws and deletes its own posts, one after another."""

    def __init__(self, client: Client, stopped: Event, name: str) -> None:
        super().__init__(client, stopped)
        self.prefix = name

    def run(self) -> None:
        number = 0
        while not self._stopped.is_set():
            number += 1
            self._one_post(f"{self.prefix}-{number}", number)

    def _one_post(self, slug: str, number: int) -> None:
        body = f"<p>{slug} {'x' * (number * 37 % 4000)}</p>"
        content = {
            "title": f"{slug} first",
            "slug": slug,
            "body": body,
            "tags": ["load", self.prefix],
            "published": True,
        }
        created = self.ask("POST", "/posts", content)
        if created is None or created.status != 201:
            return
        key, state = created.json()["id"], (f"{slug} first", body, True)
        self.book.posts[key] = Known(state, state)
        self._step(key, "PATCH", {"title": f"{slug} second"}, (f"{slug} second", body, True))
        if number % 3 == 0:
            self._step(key, "PATCH", {"published": False}, (f"{slug} second", body, False))
        if number % 5 == 0:
            self._step(key, "DELETE", None, GONE)

    def _step(self, key: str, method: str, body: Any, state: State) -> None:
        post = self.book.posts[key]
        if post.tried != post.acknowledged:
            return  # a step before this one went without an answer: what it left is not known
        post.tried = state
        answer = self.ask(method, f"/posts/{key}", body)
        if answer is not None and answer.status in (200, 204):
            post.acknowledged = state


class Reader(Worker):
    def run(self) -> None:
        while not self._stopped.is_set():
            self.ask("GET", "/posts?per_page=5")
            self.ask("GET", "/settings")


class Load:
    def __init__(self) -> None:
        self.workers: list[Worker] = []

    @property
    def answers(self) -> list[Answer]:
        return [answer for worker in self.workers for _, answer in worker.book.answers]

    @property
    def dropped(self) -> list[str]:
        return [line for worker in self.workers for line in worker.book.dropped]

    @property
    def posts(self) -> dict[str, Known]:
        return {key: post for worker in self.workers for key, post in worker.book.posts.items()}

    def last_trouble(self) -> float:
        """When the last answer came that was not a success (monotonic)."""
        times = [at for worker in self.workers for at, answer in worker.book.answers if answer.status >= 400]
        return max(times, default=0.0)

    def summary(self) -> str:
        refused = sum(worker.book.refused for worker in self.workers)
        return (
            f"{len(self.answers)} answers {statuses(self.answers)}, slowest {slowest(self.answers):.2f} s, "
            f"{len(self.posts)} posts, {len(self.dropped)} dropped, {refused} connections refused"
        )

    def lost(self, editor: Client, visitor: Client) -> list[str]:
        """Posts that are not what was acknowledged last, nor what was being tried after that."""
        return [line for key, post in self.posts.items() for line in _differences(key, post, editor, visitor)]

    @contextmanager
    def running(
        self, site_port: int, token: str, *, writers: int = 4, readers: int = 2, keepers: int = 0, name: str = "w"
    ) -> Iterator[None]:
        """Writers and readers work until the block is left, and have ended then. Keepers read over one connection."""
        stopped = Event()
        client = Client(site_port, token=token)
        started: list[Worker] = [Writer(client, stopped, f"{name}{number}") for number in range(writers)]
        started += [Reader(Client(site_port), stopped) for _ in range(readers)]
        started += [Reader(Client(site_port, kept=connection_to(site_port)), stopped) for _ in range(keepers)]
        self.workers += started
        for worker in started:
            worker.start()
        try:
            yield
        finally:
            stopped.set()
            for worker in started:
                worker.join(60)


def _differences(key: str, post: Known, editor: Client, visitor: Client) -> Iterator[str]:
    found = editor.get(f"/posts/{key}")
    state = _state(found)
    if state not in (post.acknowledged, post.tried):
        yield f"{key} should be {_short(post.acknowledged)} and is {_short(state)}"
        return
    public = _state(visitor.get(f"/posts/{key}"))
    if public != (state if state and state[2] else GONE):
        yield f"{key} is {_short(state)} and visitors see {_short(public)}"


def _state(answer: Answer) -> State:
    if answer.status == 404:
        return GONE
    if answer.status != 200:
        return (f"status {answer.status}", "", False)
    post = answer.json()
    return (post["title"], post["body"], post["published"])


def _short(state: State) -> str:
    return "gone" if state is None else f"{state[0]!r} ({len(state[1])} bytes, {'public' if state[2] else 'private'})"


def until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Waits while a load works, without a promise: at most so long."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
