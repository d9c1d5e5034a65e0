"""Who: people, what they are logged in with, the keys of machines, and the record of what was done."""

from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Never, Self
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import granted
from core.ids import uuid7

USE_DESK = "accounts.use_desk"
USERNAME_PATTERN = r"^[A-Za-z0-9_.-]{1,150}\Z"


class Role(models.TextChoices):
    """The four groups that come with the product, from the highest to the lowest."""

    ADMIN = "admin"
    APPROVER = "approver"
    AUTHOR = "author"
    MEMBER = "member"


class LowercaseEmailField(models.EmailField):
    """Lower case on the way in and in look-ups: one mailbox is one account, however it is typed."""

    def to_python(self, value: Any) -> Any:
        """Django asks it for form data, for values on their way to the database, and for those to look up."""
        value = super().to_python(value)
        return value.strip().lower() if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


def new_stamp() -> str:
    return uuid4().hex


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, username: str, password: str | None = None, **fields: Any) -> "User":
        """Raises ValidationError for a malformed e-mail or username. Without a password nobody can log in as them."""
        user = self.model(email=LowercaseEmailField().to_python(email), username=username, **fields)
        user.set_password(password)
        user.clean_fields(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, username: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, username, password, **{**fields, "is_superuser": True})


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Rights come from groups; the e-mail is the login, the username the public handle."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    password = models.CharField(max_length=256)
    email = LowercaseEmailField(
        "e-mail", max_length=254, unique=True, error_messages={"unique": "A user with this e-mail already exists."}
    )
    username = models.CharField(
        max_length=150,
        validators=[RegexValidator(USERNAME_PATTERN, "1 to 150 letters, digits, dots, hyphens or underscores.")],
    )
    display_name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(
        "active", default=True, help_text="Whoever is not active is logged out at once and cannot log in."
    )
    # Moves when all sessions end. The default of the database is for servers of the last version, which know no stamp.
    session_stamp = models.CharField(max_length=32, default=new_stamp, db_default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    _password: str | None  # Django's: the new password in clear, between set_password() and save()
    kept_session: UUID | None = None  # the token family that outlives a new password; set before save()
    api_key: "ApiKey | None" = None  # with which this user speaks in this request; it narrows every right
    seen_at: datetime | None = None  # by the database's clock, where a token was the reason to read the row

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["username"]

    class Meta:
        permissions = [("use_desk", "May enter the admin")]
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="user_email_in_any_case", violation_error_message="This e-mail is taken."
            ),
            models.UniqueConstraint(
                Lower("username"), name="user_username_in_any_case", violation_error_message="This username is taken."
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.display_name or self.username

    @property
    def is_staff(self) -> bool:
        """Django's admin asks for this name. Costs what ``has_perm`` costs: one query, once per instance."""
        return self.has_perm(USE_DESK)

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    def check_password(self, raw_password: str | None) -> bool:
        """Renews a right password's outdated hash, unless the password was changed while we were hashing."""

        def renew(raw_password: str) -> None:
            renewed = make_password(raw_password)
            if User.objects.filter(pk=self.pk, password=self.password).update(password=renewed):
                self.password = renewed

        return check_password(raw_password, self.password, renew)

    def role(self) -> str:
        """The highest role among the user's groups: one query, once per instance; none for superusers.

        For people to read. What somebody may do is asked with ``has_perm``, since groups can be changed.
        """
        return self._role

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """With an API key: what the key names, and never more than its maker may at this moment."""
        if self.api_key is not None and perm not in self.api_key.scopes:
            return False
        self._learn_rights()
        return super().has_perm(perm, obj)

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        self._learn_rights()
        found: set[str] = super().get_all_permissions(obj)
        return found if self.api_key is None else found & set(self.api_key.scopes)

    def has_module_perms(self, app_label: str) -> bool:
        if self.api_key is None:
            return super().has_module_perms(app_label)
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions())

    def _learn_rights(self) -> None:
        """Once per instance, one query, unless they came with the row."""
        if self._needs_rights() and not hasattr(self, "_perm_cache"):
            self.take_rights(granted.rights_of(self.pk))

    def take_rights(self, names: set[str]) -> None:
        """Keeps them where Django's backend keeps what it has found out: it need not ask then."""
        if self._needs_rights():
            self._perm_cache = names

    def ask_again(self) -> None:
        """Somebody was waited for since the row was read: what it said of rights and time may be over."""
        self.__dict__.pop("_perm_cache", None)
        self.seen_at = None

    def _needs_rights(self) -> bool:
        return self.is_active and not self.is_superuser

    async def ahas_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's own would ask past ``has_perm``, and so past the API key."""
        return await sync_to_async(self.has_perm)(perm, obj)

    async def aget_all_permissions(self, obj: Any = None) -> set[str]:
        return await sync_to_async(self.get_all_permissions)(obj)

    async def ahas_module_perms(self, app_label: str) -> bool:
        return await sync_to_async(self.has_module_perms)(app_label)

    def save(self, **kwargs: Any) -> None:
        """A new password, through whichever door it came, also ends every session of the user: one more query."""
        if self._password is None:
            super().save(**kwargs)
            return
        self.session_stamp = new_stamp()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "session_stamp"}
        with transaction.atomic(using=kwargs.get("using")):
            super().save(**kwargs)
            self.token_families.exclude(models.Q(pk=self.kept_session)).revoke(timezone.now())

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session of the admin remembers of its user. A renewed hash of the same password ends none."""
        salt = "accounts.models.User.session_stamp"
        return salted_hmac(salt, self.session_stamp, secret=secret, algorithm="sha256").hexdigest()

    @cached_property
    def _role(self) -> str:
        if self.is_superuser:
            return Role.ADMIN.value
        names = {group.name for group in self.groups.all()}
        return next((role.value for role in Role if role.value in names), Role.MEMBER.value)


class TokenFamilyQuerySet(models.QuerySet["TokenFamily"]):
    def alive(self, now: datetime) -> Self:
        return self.filter(revoked_at=None, expires_at__gt=now)

    def revoke(self, now: datetime) -> int:
        """How many were revoked. Their access tokens are refused from the next request on."""
        return self.filter(revoked_at=None).update(revoked_at=now)


class TokenFamily(models.Model):
    """One login and all tokens that descend from it by refreshing; what happens to it is in ``accounts.tokens``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="token_families")
    jti = models.CharField(max_length=32)  # of the one refresh token that may be used next
    created_at = models.DateTimeField()
    rotated_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    objects = TokenFamilyQuerySet.as_manager()

    class Meta:
        verbose_name = "session"
        default_permissions = ("view",)
        permissions = [("revoke_tokenfamily", "Can revoke session")]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at:%Y-%m-%d %H:%M}"


class PendingRegistration(models.Model):
    """Somebody who says that an e-mail is theirs. Becomes a user when the link in the mail is followed.

    Until then it holds neither the e-mail nor the username: whoever gives a stranger's keeps nobody out.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = LowercaseEmailField(max_length=254, db_index=True)
    username = models.CharField(max_length=150)
    display_name = models.CharField(max_length=150, blank=True)
    password = models.CharField(max_length=256)  # its hash
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.username


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def kept(self) -> Self:
        """Not revoked; those that have expired are among them, so that their owner sees why they open nothing."""
        return self.filter(revoked_at=None)

    def alive(self, now: datetime) -> Self:
        return self.kept().filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now))


class ApiKey(models.Model):
    """A machine's way in, in the name of the user who made it; what happens to it is in ``accounts.keys``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    hash = models.CharField(max_length=64)  # SHA-256 of the whole key: it is random, and needs no slow hash
    scopes = models.JSONField(default=list)  # names of rights
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        default_permissions = ("view", "add", "delete")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_alive(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class ExternalIdentity(models.Model):
    """Which account somebody has here who is known to an identity provider; what happens to it is in ``accounts.sso``.

    One account has at most one identity at a provider: a mailbox that was given to somebody else does not bring the
    account of its former owner along.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="external_identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "external identities"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="external_identity_once"),
            models.UniqueConstraint(fields=["issuer", "user"], name="external_identity_one_per_user"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **kwargs: Any) -> Never:
        raise TypeError("The audit trail is only appended to.")

    def delete(self) -> Never:
        raise TypeError("The audit trail is only appended to.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> Never:
        raise TypeError("The audit trail is only appended to.")

    def bulk_create(self, *args: Any, **kwargs: Any) -> Never:
        """It could replace rows; and ``record`` is the one way in."""
        raise TypeError("The audit trail is written with audit.record.")


class AuditEntry(models.Model):
    """Who did what to which thing, when and from where. Only appended to; ``accounts.audit`` writes and seals it.

    No foreign keys: what happened stays written when the things are gone. On PostgreSQL a trigger refuses every change
    but the one that seals a row, which sets ``position`` and ``hash`` once.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    action = models.CharField(max_length=64)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    api_key_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict)  # field: [before, after]
    facts = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    position = models.BigIntegerField(null=True, unique=True)  # in the chain, from 1 without a gap
    hash = models.CharField(max_length=64, blank=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["actor_id", "-id"], name="audit_by_actor"),
            models.Index(fields=["object_id", "kind", "-id"], name="audit_by_object"),
            models.Index(fields=["request_id"], name="audit_by_request"),
            models.Index(fields=["address", "-id"], name="audit_by_address"),
            models.Index(
                fields=["api_key_id", "-id"], name="audit_by_key", condition=models.Q(api_key_id__isnull=False)
            ),
            models.Index(fields=["id"], name="audit_unsealed", condition=models.Q(position=None)),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action}"

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("The audit trail is only appended to.")
        super().save(**{**kwargs, "force_insert": True})  # never over a row that has this id already

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise TypeError("The audit trail is only appended to.")
