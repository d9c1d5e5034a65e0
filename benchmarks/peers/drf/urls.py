"""One ModelViewSet with its serializers, as REST framework's tutorial writes it."""

from typing import Any

import nh3
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone
from django.utils.text import slugify
from rest_framework import serializers, viewsets
from rest_framework.routers import DefaultRouter

from benchmarks.peers.drf.models import Post


class PostSerializer(serializers.ModelSerializer[Post]):
    slug = serializers.SlugField(max_length=200, required=False)

    class Meta:
        model = Post
        fields = [
            "id",
            "title",
            "slug",
            "excerpt",
            "body",
            "author",
            "featured_image_url",
            "tags",
            "published",
            "published_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["published_at"]

    def validate_body(self, body: str) -> str:
        return nh3.clean(body)


class SummarySerializer(PostSerializer):
    class Meta(PostSerializer.Meta):
        fields = [name for name in PostSerializer.Meta.fields if name != "body"]


class PostViewSet(viewsets.ModelViewSet[Post]):
    lookup_field = "slug"

    def get_queryset(self) -> QuerySet[Post]:
        posts = Post.objects.filter(published=True)
        return posts.defer("body") if self.action == "list" else posts

    def get_serializer_class(self) -> type[serializers.ModelSerializer[Post]]:
        return SummarySerializer if self.action == "list" else PostSerializer

    def perform_create(self, serializer: Any) -> None:
        data = serializer.validated_data
        published_at = timezone.now() if data.get("published") else None
        serializer.save(slug=data.get("slug") or slugify(data["title"]), published_at=published_at)


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


router = DefaultRouter(trailing_slash=False)
router.register("posts", PostViewSet, basename="post")
urlpatterns = [path("api/v1/", include(router.urls)), path("healthz", healthz)]
