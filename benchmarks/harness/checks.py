"""Before anything is timed: do all variants answer the same? And the answers that the bare application repeats."""

import json
from pathlib import Path
from typing import Any

from benchmarks.harness import questions
from benchmarks.harness.servers import Server

_MADE_ANEW = ("date", "x-request-id", "transfer-encoding", "connection")


def compare(product: Server, peer: Server, targets: list[str]) -> None:
    """Ends the run where a peer's JSON differs: it would be measured at something else."""
    for target in targets:
        ours, theirs = _json(product, target), _json(peer, target)
        if ours != theirs:
            where = next((name for name in ours if ours[name] != theirs.get(name)), "its fields")
            raise SystemExit(f"{peer.program.title} answers {target} differently: {where}\n{ours}\n{theirs}")


def compare_loosely(product: Server, peer: Server) -> None:
    """A peer with a shape of its own: as many posts, the same ones on each page."""
    for target in questions.first_pages()[:2]:
        ours, theirs = _json(product, target), _json(peer, target)
        if theirs["count"] != ours["total"] or _ids(theirs["results"]) != _ids(ours["items"]):
            raise SystemExit(f"{peer.program.title} lists other posts at {target}.")


def _json(server: Server, target: str) -> dict[str, Any]:
    status, _, body = server.ask("GET", target)
    if status != 200:
        raise server.refused(f"answers {target} with {status}: {body[:500]!r}")
    found: dict[str, Any] = json.loads(body)
    return found


def _ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def write_once(server: Server, authorization: str) -> None:
    """A post can be written, and is public at once."""
    title = f"First post of {server.program.key}"
    body = questions.post_body(title)
    status, _, answer = server.ask("POST", questions.POSTS, body, {"Authorization": authorization})
    if status != 201:
        raise server.refused(f"refuses a post: {status} {answer[:1000]!r}")
    slug = json.loads(answer)["slug"]
    found = _json(server, f"{questions.POSTS}/{slug}")
    if (found["title"], found["body"]) != (title, json.loads(body)["body"]):
        raise SystemExit(f"{server.program.title} stored another post.")


def capture(server: Server, targets: list[str], file: Path) -> None:
    """The answers as ``peers.bare`` reads them. The date is uvicorn's to send; the request id is sent as it was."""
    captured = {}
    for target in targets:
        status, headers, body = server.ask("GET", target)
        if status != 200:
            raise server.refused(f"answers {target} with {status}: {body[:500]!r}")
        kept = [[name, value] for name, value in headers if name.lower() not in ("date", "connection")]
        captured[target] = {"status": status, "headers": kept, "body": body.decode()}
    file.write_text(json.dumps(captured))


def same_bytes(product: Server, bare: Server, targets: list[str]) -> None:
    for target in targets:
        ours, theirs = (_comparable(server, target) for server in (product, bare))
        if ours != theirs:
            raise SystemExit(f"{bare.program.title} answers {target} differently:\n{ours}\n{theirs}")


def _comparable(server: Server, target: str) -> tuple[int, list[tuple[str, str]], bytes]:
    status, headers, body = server.ask("GET", target)
    lower = sorted((name.lower(), value) for name, value in headers)
    return status, [pair for pair in lower if pair[0] not in _MADE_ANEW], body
