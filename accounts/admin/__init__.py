"""People in the admin: users, groups, sessions, keys, the audit trail. Every change goes through the API's verbs."""

from allauth.account import admin as allauth_accounts
from allauth.mfa import admin as allauth_factors
from django.contrib import admin
from django.contrib.auth import admin as django_groups  # noqa: F401 - registers what is unregistered below
from django.contrib.auth.models import Group
from rest_framework_simplejwt.token_blacklist import admin as blacklists  # noqa: F401 - as above
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.admin.groups import GroupAdmin
from accounts.admin.keys import KeyAdmin
from accounts.admin.sessions import SessionAdmin
from accounts.admin.trail import TrailAdmin
from accounts.admin.users import UserAdmin
from accounts.models import ApiKey, AuditEntry, TokenFamily, User

# Pages of other packages, registered by these imports: through them rows could be changed past our verbs.
admin.site.unregister([Group, BlacklistedToken, OutstandingToken])
admin.site.unregister([allauth_factors.Authenticator, allauth_accounts.EmailAddress])

admin.site.register(User, UserAdmin)
admin.site.register(Group, GroupAdmin)
admin.site.register(TokenFamily, SessionAdmin)
admin.site.register(ApiKey, KeyAdmin)
admin.site.register(AuditEntry, TrailAdmin)
