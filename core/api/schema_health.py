"""The two probes in the OpenAPI document. They are no views of DRF's: they must answer when nothing else does."""

from core.api import health, problems
from core.api.schema_problems import Schema, example

_ID = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
_CHECKS: Schema = {
    "type": "object",
    "properties": {
        name: {"type": "string", "enum": [health.OK, health.AWAY, *more]}
        for name, more in (("database", ()), ("cache", ()), ("migrations", (health.PENDING,)))
    },
    "required": ["database", "cache", "migrations"],
}
_ALIVE: Schema = {
    "type": "object",
    "properties": {"status": {"type": "string", "enum": [health.OK]}},
    "required": ["status"],
}
_READY: Schema = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": [health.OK, health.DEGRADED], "description": "Degraded: without a cache."},
        "checks": _CHECKS,
    },
    "required": ["status", "checks"],
}
_ALL_OK = {"database": health.OK, "cache": health.OK, "migrations": health.OK}
_NOT_READY = example(health.NotReady) | {"checks": _ALL_OK | {"database": health.AWAY, "migrations": health.AWAY}}


def paths() -> dict[str, Schema]:
    return {
        "/healthz": {"get": _probe("getHealth", "Is the process alive?", _ALIVE, {"status": health.OK})},
        "/readyz": {
            "get": _probe("getReadiness", "May it be sent visitors?", _READY, {"status": health.OK, "checks": _ALL_OK})
            | {"description": "The database answers and has our tables. Without the cache we are `degraded`: slower."}
        },
    }


def _probe(name: str, summary: str, shape: Schema, value: Schema) -> Schema:
    yes = {
        "description": "Yes.",
        "headers": _ID,
        "content": {"application/json": {"schema": shape, "examples": {"Yes": {"value": value}}}},
    }
    return {
        "operationId": name,
        "summary": summary,
        "description": "For load balancers and supervisors: never cached, answered under any host name.",
        "tags": ["health"],
        "security": [{}],
        "responses": {"200": yes, "503": _not_ready()} if shape is _READY else {"200": yes},
    }


def _not_ready() -> Schema:
    problem = {"$ref": "#/components/schemas/Problem"}
    schema = {"allOf": [problem, {"type": "object", "properties": {"checks": _CHECKS}, "required": ["checks"]}]}
    return {
        "description": "A part without which nothing can be answered is away; `checks` says which.",
        "headers": {**_ID, "Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
        "content": {problems.CONTENT_TYPE: {"schema": schema, "examples": {"not_ready": {"value": _NOT_READY}}}},
    }
