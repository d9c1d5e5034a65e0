"""The same view, called as the product calls its own code."""

from core.asgi import in_lane
from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks.waiting import views


async def wait(request: HttpRequest) -> HttpResponse:
    return await in_lane(views.wait, request)


urlpatterns = [path("wait", wait), path("healthz", views.healthz)]
