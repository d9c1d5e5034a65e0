"""What is counted, how it is told, and who may ask. With real servers: tests/house/test_metrics_servers.py."""

import asyncio
import json
import math
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from cms_project import asgi
from core import metrics
from core.asgi import Lane, Lanes
from core.metrics import Registry
from core.observability import handler_of
from tests.conftest import Api
from tests.house.commands import KEY, ROOT, python

TOKEN = "a-token-of-many-letters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def samples(exposition: bytes) -> dict[str, float]:
    """As Prometheus reads them: ``{'stitch_x_total{a="b"}': 1.0}``, labels by their names."""
    families = text_string_to_metric_families(exposition.decode())
    return {f"{one.name}{shown(one.labels)}": one.value for family in families for one in family.samples}


def shown(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{labels[name]}"' for name in sorted(labels)) + "}" if labels else ""


class TestTelling:
    def test_the_text_is_what_prometheus_documents(self) -> None:
        registry = Registry()
        hits = registry.counter("stitch_hits_total", "Answers.", kind="post")
        misses = registry.counter("stitch_hits_total", "Answers.", kind="page")
        registry.gauge("stitch_held_bytes", "Held.", lambda: 2.5)

        hits.value += 2
        misses.value += 1

        assert registry.exposition().decode() == (
            "# HELP stitch_hits_total Answers.\n"
            "# TYPE stitch_hits_total counter\n"
            'stitch_hits_total{kind="post"} 2\n'
            'stitch_hits_total{kind="page"} 1\n'
            "# HELP stitch_held_bytes Held.\n"
            "# TYPE stitch_held_bytes gauge\n"
            "stitch_held_bytes 2.5\n"
        )

    def test_a_histogram_counts_up_to_each_bound_and_the_bound_itself(self) -> None:
        registry = Registry()
        seconds = registry.histogram("stitch_seconds", "Time.", (0.5, 1.0), of="a")

        for amount in (0.25, 0.5, 0.75, 64.0):
            seconds.observe(amount)

        assert samples(registry.exposition()) == {
            'stitch_seconds_bucket{le="0.5",of="a"}': 2,
            'stitch_seconds_bucket{le="1",of="a"}': 3,
            'stitch_seconds_bucket{le="+Inf",of="a"}': 4,
            'stitch_seconds_sum{of="a"}': 65.5,
            'stitch_seconds_count{of="a"}': 4,
        }

    def test_great_numbers_stay_whole_and_strange_ones_readable(self) -> None:
        registry = Registry()
        registry.counter("stitch_a_total", "A.").value += 2**53 - 1
        for name, number in (("inf", math.inf), ("minus", -math.inf), ("nan", math.nan)):
            registry.gauge(f"stitch_{name}", "G.", lambda number=number: number)

        text = registry.exposition().decode()

        assert re.findall(r"^stitch_\w+ (.+)$", text, re.MULTILINE) == ["9007199254740991", "+Inf", "-Inf", "NaN"]

    def test_a_gauge_that_fails_is_logged_and_hides_no_other(self, caplog: pytest.LogCaptureFixture) -> None:
        registry = Registry()
        registry.gauge("stitch_broken", "B.", lambda: 1 // 0)
        registry.counter("stitch_a_total", "A.").value += 1

        found = samples(registry.exposition())

        assert (math.isnan(found["stitch_broken"]), found["stitch_a_total"]) == (True, 1)
        assert "stitch_broken cannot be read" in caplog.text

    def test_every_sample_of_ours_is_read_by_prometheus_parser(self) -> None:
        text = metrics.exposition()

        lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
        assert len(samples(text)) == len(lines) > 20
        assert all(family.documentation for family in text_string_to_metric_families(text.decode()))


WRONG: list[Callable[[Registry], Any]] = [
    lambda registry: registry.counter("stitch_hits", "No _total."),
    lambda registry: registry.counter("hits_total", "No stitch_."),
    lambda registry: registry.counter('stitch_x{a="b"} 1\nstitch_y_total', "A name that is a line."),
    lambda registry: registry.counter("stitch_x_total", "Two\nlines"),
    lambda registry: registry.counter("stitch_x_total", "A back\\slash"),
    lambda registry: registry.counter("stitch_x_total", ""),
    lambda registry: registry.counter("stitch_x_total", "X.", a='b"} 1\nstitch_y_total{c="'),
    lambda registry: registry.counter("stitch_x_total", "X.", a="two words"),
    lambda registry: registry.counter("stitch_x_total", "X.", a="é"),
    lambda registry: registry.counter("stitch_x_total", "X.", a=""),
    lambda registry: registry.counter("stitch_x_total", "X.", a="x" * 65),
    lambda registry: registry.counter("stitch_x_total", "X.", **{"a b": "c"}),
    lambda registry: registry.counter("stitch_x_total", "X.", __name__="y"),
    lambda registry: registry.counter("stitch_x_total", "X.", worker="1"),
    lambda registry: registry.counter("stitch_known_total", "Known.", kind="a"),
    lambda registry: registry.counter("stitch_known_total", "Other.", kind="b"),
    lambda registry: registry.counter("stitch_known_total", "Known.", sort="b"),
    lambda registry: registry.gauge("stitch_known_total", "Known.", lambda: 1, kind="b"),
    lambda registry: registry.histogram("stitch_h", "H.", ()),
    lambda registry: registry.histogram("stitch_h", "H.", (2.0, 1.0)),
    lambda registry: registry.histogram("stitch_h", "H.", (1.0, 1.0)),
    lambda registry: registry.histogram("stitch_h", "H.", (1.0, math.inf)),
]


@pytest.mark.parametrize("declare", WRONG)
def test_a_wrong_declaration_is_refused_and_leaves_nothing(declare: Callable[[Registry], Any]) -> None:
    registry = Registry()
    registry.counter("stitch_known_total", "Known.", kind="a")
    before = registry.exposition()

    with pytest.raises(ValueError, match=r"(name|text|label|bounds) of|declared already"):
        declare(registry)

    assert registry.exposition() == before


def test_threads_that_count_at_once_lose_nothing() -> None:
    """What ``Counter`` promises of CPython: fails where it changes threads within ``+=``."""
    registry = Registry()
    hits = registry.counter("stitch_hits_total", "Hits.")
    seconds = registry.histogram("stitch_seconds", "Time.", (1.0,))

    def count() -> None:
        for _ in range(50_000):
            hits.value += 1
            seconds.observe(0.5)

    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(former)

    found = samples(registry.exposition())
    assert (found["stitch_hits_total"], found["stitch_seconds_count"], found["stitch_seconds_sum"]) == (
        400_000,
        400_000,
        200_000,
    )


# --- Workers ------------------------------------------------------------------------------------------------------

# ``run`` lives the life of a worker in a process of its own, forked from this one, and prints what it is told to.
FORKING = """
import os
from core.metrics import Registry

registry = Registry()
hits = registry.counter("stitch_hits_total", "Hits.")
seconds = registry.histogram("stitch_seconds", "Time.", (1.0,))
registry.gauge("stitch_held", "Held.", lambda: held)
registry.gauge("stitch_highest", "Highest.", lambda: held, fold=max)
registry.gauge("stitch_each", "Each.", lambda: held, fold=None)
held = 0

def run(name, count, holds, shows=False):
    global held
    registry.reserve(name)
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == 0
        return
    held = holds
    assert registry.adopt(name)
    hits.value += count
    seconds.observe(count)
    registry.write()
    if shows:
        os.write(1, registry.exposition())
    os._exit(0)
"""


def forked(story: str) -> dict[str, float]:
    done = python("-c", FORKING + story)
    assert (done.returncode, done.stderr) == (0, "")
    return {name: number for name, number in samples(done.stdout.encode()).items() if "bucket" not in name}


class TestWorkers:
    def test_whoever_is_asked_tells_the_sum(self) -> None:
        assert forked("run('a', 3, 10); run('b', 4, 20); run('c', 5, 5, shows=True)") == {
            "stitch_hits_total": 12,
            "stitch_seconds_sum": 12,
            "stitch_seconds_count": 3,
            "stitch_held": 35,
            "stitch_highest": 20,
            'stitch_each{worker="0"}': 10,
            'stitch_each{worker="1"}': 20,
            'stitch_each{worker="2"}': 5,
        }

    def test_the_dead_keep_their_counts_and_lose_their_gauges(self) -> None:
        told = forked(
            "run('a', 3, 10); run('b', 4, 20); registry.release('a'); registry.release('b'); "
            "run('c', 0, 1); registry.release('c'); "
            "registry.reserve('has not started yet'); run('d', 5, 7, shows=True)"
        )

        assert (told["stitch_hits_total"], told["stitch_seconds_count"]) == (12, 4)
        assert [name for name in told if "each" in name] == ['stitch_each{worker="1"}']
        assert (told["stitch_held"], told["stitch_highest"]) == (7, 7)

    def test_the_next_one_goes_on_in_the_slot_that_is_free(self) -> None:
        told = forked("run('a', 3, 10); run('b', 4, 20); registry.release('a'); run('c', 5, 30, shows=True)")

        assert told["stitch_hits_total"] == 12
        assert (told['stitch_each{worker="0"}'], told['stitch_each{worker="1"}']) == (30, 20)

    def test_what_the_master_counted_itself_is_nobodys(self) -> None:
        assert forked("hits.value = 100; run('a', 3, 0, shows=True)")["stitch_hits_total"] == 3

    def test_without_workers_a_process_tells_its_own(self) -> None:
        told = forked("hits.value += 2; held = 3; os.write(1, registry.exposition())")

        assert (told["stitch_hits_total"], told["stitch_held"], told['stitch_each{worker="0"}']) == (2, 3, 3)

    def test_who_finds_no_slot_serves_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(metrics, "SLOTS", 1)
        registry = Registry()
        hits = registry.counter("stitch_hits_total", "Hits.")
        registry.reserve("a")
        registry.reserve("b")

        has_slot = registry.adopt("b")
        hits.value += 1
        registry.write()
        registry.release("b")

        assert (has_slot, "More than 1 workers" in caplog.text) == (False, True)
        assert samples(registry.exposition()) == {"stitch_hits_total": 0}

    def test_after_the_fork_nothing_can_be_declared_that_others_do_not_know(self) -> None:
        registry = Registry()
        registry.reserve("a")

        with pytest.raises(RuntimeError, match="stitch_late_total: workers are forked already"):
            registry.counter("stitch_late_total", "Late.")


ASK_MODULES = """
import json, sys
import cms_project.asgi
from django.conf import settings
__import__(settings.ROOT_URLCONF)
print(json.dumps(sorted(sys.modules)))
"""


def test_whatever_declares_metrics_is_loaded_before_the_workers_are_forked() -> None:
    declares = re.compile(r"\bmetrics\.(counter|gauge|histogram)\(")
    folders = [ROOT / name for name in ("accounts", "cms_project", "content", "core", "delivery")]
    files = [file for folder in folders for file in folder.rglob("*.py") if declares.search(file.read_text())]
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files} - {"core.metrics"}

    loaded = set(json.loads(python("-c", ASK_MODULES, SECRET_KEY=KEY).stdout))

    assert "core.observability" in names
    assert sorted(names - loaded) == []


# --- What is counted ----------------------------------------------------------------------------------------------


def told() -> dict[str, float]:
    return samples(metrics.exposition())


def added(since: dict[str, float], name: str) -> dict[str, float]:
    return {one: number - since[one] for one, number in told().items() if one.startswith(name) and number > since[one]}


def test_a_request_is_counted_by_its_handler_and_the_kind_of_its_status(api: Api) -> None:
    before = told()

    api.get("//healthz")
    api.get("//nothing")
    api.get("//nothing/else")
    Client().get("/static/nothing.css")

    assert added(before, "stitch_requests_total") == {
        'stitch_requests_total{handler="api",status="2xx"}': 1,
        'stitch_requests_total{handler="api",status="4xx"}': 2,
        'stitch_requests_total{handler="site",status="4xx"}': 1,
    }
    assert added(before, "stitch_request_duration_seconds_count") == {
        'stitch_request_duration_seconds_count{handler="api"}': 3,
        'stitch_request_duration_seconds_count{handler="site"}': 1,
    }


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/posts", "/admin", "/admin/", "/administrator", "//admin/", "/static/a.css", "/verify-email/"]
)
def test_the_handler_that_is_told_is_the_one_that_answers(path: str) -> None:
    assert (handler_of(path) == "site") == (asgi.handler_for(path) is asgi.site)


def test_lanes_know_who_has_one_and_who_waits() -> None:
    lanes = Lanes(1)
    first, second = Lane(lanes), Lane(lanes)
    seen = []

    async def run() -> None:
        for step in (
            lambda: None,
            lambda: first.submit(int),
            lambda: second.submit(int),
            lambda: first.release(None),
            lambda: second.release(None),
        ):
            step()
            seen.append((lanes.in_use, lanes.waiting))

    asyncio.run(run())

    assert seen == [(0, 0), (1, 0), (1, 1), (1, 0), (0, 0)]


def test_the_memory_is_what_the_kernel_says() -> None:
    name = 'stitch_process_resident_memory_bytes{worker="0"}'
    kernel = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())

    assert kernel is not None
    assert told()[name] == pytest.approx(int(kernel[1]) * 1024, rel=0.2)


def test_the_documentation_names_every_metric_and_no_other() -> None:
    code = "import cms_project.asgi, cms_project.urls\nfrom core import metrics\nprint(metrics.exposition().decode())"
    made = python("-c", code, SECRET_KEY=KEY).stdout

    documented = re.findall(r"^\| `(stitch_\w+)", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)

    assert sorted(documented) == sorted(re.findall(r"^# TYPE (\w+)", made, re.MULTILINE))


# --- Who may ask --------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_without_a_token_in_the_settings_there_is_no_such_address(api: Api, method: str) -> None:
    sent = {"X-Request-ID": "same", **BEARER}

    answers = [api.request(method, path, headers=sent) for path in ("//metrics", "//no-such-path")]

    assert [one.status_code for one in answers] == [404, 404]
    assert (answers[0].content, dict(answers[0].items())) == (answers[1].content, dict(answers[1].items()))


@pytest.mark.usefixtures("guarded")
class TestGuard:
    @pytest.mark.parametrize(
        "header",
        [
            *("", "Bearer", "Bearer ", "Bearer é", TOKEN, f"Basic {TOKEN}", f"Bearer Bearer {TOKEN}"),
            *(f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Bearer {TOKEN.upper()}", f"Bearer {TOKEN},{TOKEN}"),
        ],
    )
    def test_whoever_does_not_know_the_token_learns_nothing(self, api: Api, header: str) -> None:
        response = api.get("//metrics", headers={"Authorization": header} if header else {})

        assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")
        assert (response["WWW-Authenticate"], response["Cache-Control"]) == ("Bearer", "no-store")
        assert json.loads(response.content)["code"] == "not_authenticated"
        assert (TOKEN in response.content.decode(), b"stitch_" in response.content) == (False, False)

    def test_a_token_in_the_address_is_none(self, api: Api) -> None:
        assert api.get(f"//metrics?token={TOKEN}&access_token={TOKEN}").status_code == 401

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_with_the_token_everything_is_told(self, api: Api, scheme: str) -> None:
        response = api.get("//metrics", headers={"Authorization": f"{scheme} {TOKEN}"})

        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'stitch_requests_total{handler="api",status="2xx"}' in samples(response.content)

    def test_a_collector_asks_each_machine_by_its_address_and_without_https(self, api: Api, settings: Any) -> None:
        settings.SECURE_SSL_REDIRECT = True

        assert api.get("//metrics", headers={"Host": "10.0.0.7:8000", **BEARER}).status_code == 200

    def test_other_methods_are_refused(self, api: Api) -> None:
        response = api.post("//metrics", {}, headers=BEARER)

        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")

    def test_a_token_may_have_any_letters(self, api: Api, settings: Any) -> None:
        settings.METRICS_TOKEN = "schlüssel für alles"

        response = api.get(
            "//metrics", headers={"Authorization": "Bearer schlüssel für alles".encode().decode("latin-1")}
        )

        assert response.status_code == 200


def test_a_short_token_is_refused_at_the_start_and_not_repeated() -> None:
    refused = python("manage.py", "check", SECRET_KEY=KEY, METRICS_TOKEN="fifteen-letters")
    taken = python("manage.py", "check", SECRET_KEY=KEY, METRICS_TOKEN="sixteen--letters")

    assert (refused.returncode, taken.returncode) == (1, 0)
    assert "METRICS_TOKEN must have at least 16 characters" in refused.stderr
    assert "fifteen" not in refused.stderr
