"""Views that are no viewsets and only answer questions: other methods are refused as everywhere else."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate

from django.http import HttpRequest, HttpResponse

from core import errors
from core.api import problems

ALLOWED = ("GET", "HEAD", "OPTIONS")


def read_only[**P](
    view: Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponse]],
) -> Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponse]]:
    @wraps(view)
    async def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": ", ".join(ALLOWED)})
        if request.method not in ALLOWED:
            return problems.render(errors.MethodNotAllowed(ALLOWED))
        return await view(request, *args, **kwargs)

    return guarded
