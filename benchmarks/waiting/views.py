"""One view that waits 5 ms in the database, as an application's own synchronous code does."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def wait(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.005)")
    return HttpResponse(b"waited", content_type="text/plain")


async def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok", content_type="text/plain")


urlpatterns = [path("wait", wait), path("healthz", healthz)]
