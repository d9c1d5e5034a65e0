"""What comes in and what goes out, as Pydantic models."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_TAGS = 30

_URL = TypeAdapter(AnyHttpUrl)


def _http_or_path(value: str) -> str:
    if value and not value.startswith("/"):
        _URL.validate_python(value)
    return value


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Address = Annotated[str, StringConstraints(max_length=500), AfterValidator(_http_or_path)]


class PostSummary(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str
    slug: str
    excerpt: str
    author: str
    featured_image_url: str
    tags: list[str]
    published: bool
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Post(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str
    slug: str
    excerpt: str
    body: str
    author: str
    featured_image_url: str
    tags: list[str]
    published: bool
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class PostPage(BaseModel):
    items: list[PostSummary]
    total: int
    page: int
    per_page: int
    total_pages: int


class WrittenPost(Post):
    status: str
    has_unpublished_changes: bool
    created_by: UUID | None
    updated_by: UUID | None
    sanitised: list[Any] = []
    warnings: list[Any] = []


class PostInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[Line, Field(min_length=1)]
    slug: Annotated[str, Field(max_length=200, pattern=SLUG)] | None = None
    excerpt: Annotated[str, Field(max_length=500)] = ""
    body: Annotated[str, Field(max_length=1_000_000)] = ""
    author: Line = ""
    featured_image_url: Address = ""
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS)] = []
    published: bool = False


class ListQuery(BaseModel):
    """An unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")

    page: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=100)] = 10
    q: Annotated[str, Field(max_length=100)] = ""
    tag: Annotated[str, Field(max_length=50)] = ""
    author: Annotated[str, Field(max_length=200)] = ""


class SiteSettings(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    site_name: str
    tagline: str
    logo_url: str
    footer_text: str
    social_links: dict[str, str]
    created_at: datetime
    updated_at: datetime


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str
    password: str


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    display_name: str
    role: str
    is_active: bool
    created_at: datetime


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: int
    user: UserOut
