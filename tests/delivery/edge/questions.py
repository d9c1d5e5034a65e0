"""About every kind of request that a public address gets, and a small site that has something to say to each."""

from typing import Any, NamedTuple

from content import saving
from content.models import BlogPost
from core import clock
from tests.content.factory import make_page, make_post
from tests.factories import make_user

FOREIGN, ALLOWED = "http://evil.example.com", "http://localhost:5173"  # tests.settings
LONG = "<p>" + "A sentence that comes again and again. " * 100 + "</p>"


class Question(NamedTuple):
    status: int
    target: str
    options: dict[str, Any] = {}


def site() -> BlogPost:
    """Seven posts, three of them tagged, one that has moved, one scheduled, one draft; two pages."""
    writer = make_user("admin")
    for number in range(3):
        make_post(title=f"Tagged {number}", slug=f"tagged-{number}", tags=["red", f"n{number}"], by=writer, body=LONG)
    make_post(title="Ünïcode & <tags>", slug="unicode", author="Zoë", by=writer, excerpt="“quoted”")
    post = make_post(title="Whole", slug="whole", body=LONG, author="Desk A", by=writer)
    moved = make_post(title="Moved", slug="before", by=writer)
    saving.save(moved, {"slug": "after"}, published=True, as_draft=False, by=writer, now=clock.now())
    make_post(title="Draft", slug="draft", published=False, by=writer)
    make_page(title="About", slug="about", body=LONG, by=writer)
    make_page(title="Terms", slug="terms", by=writer)
    return post


def questions(post: BlogPost) -> list[Question]:
    single, etag = f"/posts/{post.pk}", '"something"'
    given = {
        "singles": ["/posts/whole", single, f"/posts/{str(post.pk).upper()}", "/posts/unicode", "/pages/about"],
        "slashes": ["/posts/whole/", "/posts/", "/settings/", "/pages/"],
        "fields": ["/posts/whole?fields=title", "/posts/whole?fields=slug,title,id", "/settings?fields=site_name"],
        "lists": ["/posts", "/pages", "/posts?per_page=2", "/posts?page=2&per_page=2", "/posts?per_page=2&page=2"],
        "far": ["/posts?page=1000000", "/posts?per_page=100", "/pages?per_page=1"],
        "filters": ["/posts?tag=red", "/posts?author=Zo%C3%AB", "/posts?q=%22%3C", "/posts?q=+whole+"],
        "more": ["/posts?tag=red&ordering=title", "/posts?tag=nothing", "/posts?fields=slug", "/pages?q=about&page=1"],
        "orders": [f"/posts?ordering={one}" for one in ("title", "-title", "created_at", "-published_at")],
        "cursor": ["/posts?cursor=&per_page=2", "/posts?cursor=*&per_page=2", "/posts?cursor=x&page=1"],
        "spelling": ["/posts?%74ag=red", "/posts?&tag=red&&", "/posts?tag=%72ed"],
        "settings": ["/settings"],
    }  # fmt: skip
    ok = [Question(0, target) for targets in given.values() for target in targets]
    moved = [Question(301, target) for target in ("/posts/before", "/posts/before/", "/posts/before?fields=title")]
    missing = [
        Question(404, t) for t in ("/posts/not-there", "/posts/draft", "/posts/UPPER", "/postscript", "/posts/a b")
    ]
    return [
        *ok,
        *moved,
        *missing,
        *_refused(),
        *(Question(0, target, {"method": "HEAD"}) for target in ("/posts/whole", "/posts", "/posts/not-there")),
        *(Question(0, "/posts/whole", {"headers": {"if-none-match": tag}}) for tag in (etag, "*", "W/x", '"a", *')),
        *(
            Question(200, target, {"headers": {"accept-encoding": accepted}})
            for target in ("/posts/whole", "/posts/unicode", "/pages/about")
            for accepted in ("gzip", "br", "br;q=0.1, gzip", "identity", "zstd")
        ),
        *(
            Question(0, target, {"headers": {"origin": origin}})
            for target in ("/posts/whole", "/posts", "/posts/before", "/posts/not-there")
            for origin in (ALLOWED, FOREIGN, "null", ALLOWED + "/")
        ),
        Question(200, "/posts", {"headers": {"origin": ALLOWED, "accept-encoding": "br"}, "method": "HEAD"}),
        Question(200, "/posts/whole", {"headers": {"x-request-id": "one-of-ours-1234"}}),
        Question(200, "/posts/whole", {"headers": {"x-request-id": "not acceptable\x01"}}),
        Question(0, "/posts/whole", {"headers": {"accept": "text/html", "range": "bytes=0-1", "user-agent": "x"}}),
        Question(400, "/posts/whole", {"headers": {"host": "evil.example.com"}}),
        Question(200, "/posts/whole", {"scheme": "https"}),
    ]


def _refused() -> list[Question]:
    invalid = ("page=0", "page=x", "per_page=101", "unknown=1", "tag=a&tag=b", "tag=", "q=", "ordering=body", "fields=")
    invalid += ("fields=nothing", f"q={'x' * 101}", f"tag={'x' * 1_000}", "&".join(f"p{n}=1" for n in range(30)), "=x")
    malformed = ("tag=%ff", "tag=a%00b", "tag=\xe4", "&".join(f"p{n}=1" for n in range(60)))
    return [
        *(Question(422, f"/posts?{query}") for query in invalid),
        *(Question(422, f"/posts/whole?{query}") for query in ("fields=nothing", "page=1", "fields=")),
        *(Question(400, f"/posts?{query}") for query in malformed),
        *(
            Question(401, target)
            for target in ("/posts?status=draft", "/posts?token=x", "/posts?access_token=x&page=1")
        ),
        Question(401, "/posts", {"headers": {"authorization": "Bearer nonsense"}}),
    ]
