"""Who: people, and the families of tokens with which they are logged in."""

from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Self

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

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
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    _password: str | None  # Django's: the new password in clear, between set_password() and save()

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
        """Django's admin asks for this name. Costs what ``has_perm`` costs: two queries, once per instance."""
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

    def save(self, **kwargs: Any) -> None:
        """A new password, through whichever door it came, also revokes every token of the user: one more query."""
        if self._password is None:
            super().save(**kwargs)
            return
        with transaction.atomic(using=kwargs.get("using")):
            super().save(**kwargs)
            self.token_families.revoke(timezone.now())

    @cached_property
    def _role(self) -> str:
        if self.is_superuser:
            return Role.ADMIN.value
        names = set(self.groups.values_list("name", flat=True))
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
