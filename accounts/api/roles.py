"""Roles, groups and rights over REST: what there is, in words."""

from django.http import HttpRequest, HttpResponse

from accounts import roles
from accounts.api import schema_users as schema
from accounts.api.authentication import BearerOrKeyAuthentication, caller
from accounts.api.serializers_users import role_list
from core.api import parsing
from core.api.viewsets import AsyncViewSet, json_response


class RolesViewSet(AsyncViewSet):
    authentication_classes = (BearerOrKeyAuthentication,)

    @schema.list_roles
    def list(self, request: HttpRequest) -> HttpResponse:
        roles.require_read(caller(request))
        parsing.query(request, ())
        return json_response(role_list(roles.described()))
