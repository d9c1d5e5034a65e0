"""Users over REST, for those who manage them."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import listing, people, rights
from accounts.api import schema_users as schema
from accounts.api.authentication import BearerOrKeyAuthentication, caller
from accounts.api.serializers_users import UserChangeInput, UserInput, user_detail, user_summary
from accounts.models import User
from core import errors, ids, rendering, replicas
from core.api import conditional, pagination, parsing
from core.api.viewsets import AsyncViewSet, json_response


class UsersViewSet(AsyncViewSet):
    authentication_classes = (BearerOrKeyAuthentication,)

    @schema.list_users
    def list(self, request: HttpRequest) -> HttpResponse:
        rights.require(caller(request), rights.VIEW)
        params = parsing.query(request, listing.PARAMETERS)
        page = pagination.Page.from_query(params, default_per_page=listing.PER_PAGE)
        rows, total = replicas.read(listing.users, params, page)
        payload = pagination.envelope([user_summary(row) for row in rows], page, total)
        return json_response(payload, headers={"Link": pagination.link_header(request, page, total)})

    @schema.create_user
    def create(self, request: HttpRequest) -> HttpResponse:
        by = caller(request)
        rights.require(by, rights.ADD)
        values = self.input(request, UserInput)
        parsing.query(request, ())
        user = people.create(values, by=by, now=timezone.now())
        response = _written(user, status=201)
        response["Location"] = f"{request.path.rstrip('/')}/{user.pk}"
        return response

    @schema.get_user
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        rights.require(caller(request), rights.VIEW)
        user_id = ids.parse(id)
        if user_id is None:
            raise errors.NotFound()
        parsing.query(request, ())
        return _shown(user_id)

    @schema.update_user
    def partial_update(self, request: HttpRequest, id: str) -> HttpResponse:
        by = caller(request)
        user = _locked(id, by=by, right=rights.CHANGE)
        values = self.input(request, UserChangeInput, partial=True)
        parsing.query(request, ())
        conditional.check_if_match(request, _etag(user.pk))
        people.change(user, values, by=by, now=timezone.now())
        return _written(user)

    @schema.delete_user
    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        by = caller(request)
        user = _locked(id, by=by, right=rights.DELETE)
        parsing.query(request, ())
        conditional.check_if_match(request, _etag(user.pk))
        people.delete(user, by=by)
        return HttpResponse(status=204)


class InvitationViewSet(AsyncViewSet):
    authentication_classes = (BearerOrKeyAuthentication,)

    @schema.invite_user
    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        by = caller(request)
        rights.require(by, rights.ADD)
        user = people.locked(ids.parse(id))
        if user is None:
            raise errors.NotFound()
        self.no_input(request)
        parsing.query(request, ())
        people.invite(user, by=by)
        return json_response({"detail": schema.INVITED}, status=202)


def _locked(text: str, *, by: User, right: str) -> User:
    """The user to write to, if there is one and the caller may."""
    rights.require(by, right)
    user = people.locked(ids.parse(text))
    if user is None:
        raise errors.NotFound()
    rights.require_manage(user, by=by, right=right)
    return user


def _content(user_id: UUID) -> bytes:
    """Read afresh: what a verb has been working on remembers rights and groups from before."""
    user = listing.whole(User.objects.filter(pk=user_id)).first()
    if user is None:
        raise errors.NotFound()
    return rendering.dumps(user_detail(user))


def _etag(user_id: UUID) -> str:
    """Names all that a read shows; a login moves it too."""
    return conditional.etag_of(_content(user_id))


def _shown(user_id: UUID) -> HttpResponse:
    return json_response(_content(user_id))


def _written(user: User, *, status: int = 200) -> HttpResponse:
    content = _content(user.pk)
    return json_response(content, status=status, headers={"ETag": conditional.etag_of(content)})
