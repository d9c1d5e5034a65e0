"""What is asked: targets and bodies, the same for every variant."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import rows
from benchmarks.harness.databases import ADMIN, DRF_TOKEN
from benchmarks.harness.load import Load, write_lines
from benchmarks.harness.servers import Server

POSTS = "/api/v1/posts"
PER_PAGE = 10
HOT = 1000  # single posts that are asked for again and again, where memory is measured
DEEP = 500
CONNECTIONS = 32


@dataclass(frozen=True)
class Question:
    """``asked`` are the keys of the programs that answer it, ``baseline`` the one that ratios refer to."""

    key: str
    title: str
    load: Load
    asked: tuple[str, ...]
    baseline: str


def published(count: int) -> list[int]:
    return [n for n in range(1, count + 1) if n % 20 != 0]


def last_full_page(count: int) -> int:
    return len(published(count)) // PER_PAGE


def singles(count: int, *, some: int | None = None) -> list[str]:
    numbers = published(count)
    if some is not None and some < len(numbers):
        numbers = random.Random(1).sample(numbers, some)
    return [f"{POSTS}/post-{n}" for n in numbers]


def first_pages() -> list[str]:
    return [f"{POSTS}?page={page}" for page in range(1, 21)]


def deep_pages(count: int) -> list[str]:
    """Around page 500, or the last pages where there are fewer."""
    middle = min(DEEP, last_full_page(count) - 5)
    return [f"{POSTS}?page={page}" for page in range(max(1, middle - 5), middle + 6)]


def searches(count: int) -> list[str]:
    """Words that half of the posts have, and numbers that few have."""
    common = ("harbour", "workshop", "begins with", "winter", "orchard", "list", "quiet", "station", "thread", "valley")
    rare = [f"number+{n}" for n in random.Random(2).sample(range(1, count + 1), 10)]
    return [f"{POSTS}?q={text.replace(' ', '+')}" for text in (*common, *rare)]


def tags() -> list[str]:
    return [f"{POSTS}?tag=tag-{number:02}" for number in range(rows.TAG_COUNT)]


def hits(folder: Path, count: int) -> list[Question]:
    def question(key: str, title: str, targets: list[str]) -> Question:
        file = write_lines(folder / f"{key}.txt", targets)
        return Question(key, title, Load("read", (file,), CONNECTIONS), ("bare", "bare_guarded", "stitch_hit"), "bare")

    return [
        question("hit_single", f"hit, single (of {HOT:,} posts)", singles(count, some=HOT)),
        question("hit_list", "hit, list of 10 summaries (pages 1–20)", first_pages()),
    ]


def hit_targets(count: int) -> list[str]:
    return [*singles(count, some=HOT), *first_pages()]


def misses(folder: Path, count: int) -> list[Question]:
    both, three = ("stitch_miss", "fastapi"), ("stitch_miss", "fastapi", "drf")

    def question(key: str, title: str, targets: list[str], asked: tuple[str, ...]) -> Question:
        file = write_lines(folder / f"{key}.txt", targets)
        return Question(key, title, Load("read", (file,), CONNECTIONS), asked, "fastapi")

    return [
        question("single", "single by slug", singles(count), three),
        question("list", "list of 10 summaries with total (pages 1–20)", first_pages(), three),
        question("deep_list", f"deep list (around page {DEEP})", deep_pages(count), three),
        question("settings", "site settings", ["/api/v1/settings"], both),
        question("search", "search (?q=)", searches(count), both),
        question("tag", "list by tag", tags(), both),
    ]


def other_ways(folder: Path, count: int) -> list[Question]:
    """What else a miss may be compared with: one that is kept in memory, and a peer that leaves sessions out."""
    single, page = (
        write_lines(folder / f"other_{n}.txt", one) for n, one in enumerate((singles(count), first_pages()))
    )
    return [
        Question(
            "single_other",
            "single by slug, other ways",
            Load("read", (single,), CONNECTIONS),
            ("stitch_filling", "fastapi", "fastapi_core"),
            "fastapi",
        ),
        Question(
            "list_other",
            "list of 10 summaries with total, other ways",
            Load("read", (page,), CONNECTIONS),
            ("fastapi", "fastapi_core"),
            "fastapi",
        ),
    ]


def growth(folder: Path, count: int) -> list[Question]:
    several = {
        "list": ("list, page 1", [f"{POSTS}?page=1"]),
        "deep_list": (f"list, around page {DEEP}", deep_pages(count)),
        "single": ("single by slug", singles(count, some=10_000)),
    }
    return [
        Question(
            f"growth_{key}_{count}",
            f"{title}, {count:,} posts",
            Load("read", (write_lines(folder / f"growth_{key}_{count}.txt", targets),), CONNECTIONS),
            ("stitch_miss", "fastapi"),
            "fastapi",
        )
        for key, (title, targets) in several.items()
    ]


# --- Writes --------------------------------------------------------------------------------------------------------


def post_body(title: str) -> bytes:
    """About 4 KB of HTML, clean already, so that all store the same."""
    dice = random.Random(3)
    paragraphs = "".join(f"<p>{' '.join(dice.choices(rows.WORDS, k=84))}</p>" for _ in range(8))
    post = {
        "title": title,
        "excerpt": " ".join(dice.choices(rows.WORDS, k=20)),
        "body": paragraphs,
        "tags": ["tag-01", "tag-02", "tag-03", "tag-04", "tag-05"],
        "published": True,
    }
    return json.dumps(post).encode()


def credentials() -> bytes:
    return json.dumps({"email": ADMIN["ADMIN_EMAIL"], "password": ADMIN["ADMIN_PASSWORD"]}).encode()


def authorization(server: Server) -> str:
    """The value of the header, by a login where there is one."""
    if server.program.key == "drf":
        return f"Token {DRF_TOKEN}"
    status, _, body = server.ask("POST", "/api/v1/auth/login", credentials())
    if status != 200:
        raise server.refused(f"refuses the login: {status} {body[:500]!r}")
    return f"Bearer {json.loads(body)['access_token']}"


def write_load(folder: Path, *, header: str, connections: int) -> Load:
    file = folder / "post.json"
    file.write_bytes(post_body("Benchmark @@"))
    return Load("write", (POSTS, str(file), header), connections)


def login_load(folder: Path, *, connections: int) -> Load:
    file = folder / "login.json"
    file.write_bytes(credentials())
    return Load("write", ("/api/v1/auth/login", str(file)), connections, at_least_seconds=5)
