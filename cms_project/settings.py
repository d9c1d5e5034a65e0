"""All settings, from the environment through typed readers. ``.env.example`` documents every variable."""

from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from cms_project import cdn, database, env, mailing, openapi, secrets, single_sign_on, theme, version

BASE_DIR = env.BASE_DIR

# --- Who we are and where ----------------------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = secrets.secret_key(env.text("SECRET_KEY"), debug=DEBUG, kept_in=BASE_DIR / ".secret_key")
PORT = env.integer("PORT", 8000, low=1, high=65535)
PUBLIC_BASE_URL = env.url("PUBLIC_BASE_URL", f"http://localhost:{PORT}")
SITE_NAME = env.text("SITE_NAME", urlsplit(PUBLIC_BASE_URL).hostname or "")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, low=0, high=10)
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", 2, low=1, high=256)
DATABASE_LANES = env.integer("DATABASE_LANES", 8, low=1, high=256)
DATABASE_READERS = env.integer("DATABASE_READERS", 8, low=1, high=256)
ADMIN_EMAIL = env.text("ADMIN_EMAIL")
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD")
DEVELOPMENT_PASSWORD_FILE = BASE_DIR / ".admin_password"
DOCS_ENABLED = env.boolean("DOCS_ENABLED", True)
REQUIRE_IF_MATCH = env.boolean("REQUIRE_IF_MATCH", False)
IS_HTTPS = PUBLIC_BASE_URL.startswith("https://")
VERSION = version.VERSION

# --- Applications, from the lowest layer to the highest -----------------------------------------------------------
INSTALLED_APPS = [
    "cms_project",
    "content",
    "delivery",
    "accounts",
    "core",
    "unfold.apps.BasicAppConfig",  # its default configuration would put its own admin site in the place of ours
    "unfold.contrib.filters",
    "django_prose_editor",
    "accounts.apps.DeskConfig",  # django.contrib.admin, with a login form that is a counted door
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "accounts.apps.AllauthConfig",  # allauth.account, for allauth.mfa; none of its views or backends is reachable
    "allauth.mfa",
    "django_tasks_db",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
AUTH_USER_MODEL = "accounts.User"
ROOT_URLCONF = "cms_project.urls"
ASGI_APPLICATION = "cms_project.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Two middleware lists in one process: the API's is short and natively asynchronous (core.asgi) ---------------
API_MIDDLEWARE = [
    "core.middleware.api_edge",
    "core.cors.CorsWithFewCredentials",
    "core.middleware.unread_request",
]
MIDDLEWARE = [
    "core.middleware.site_edge",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "core.middleware.desk_policy",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# The last four are where links in mails lead (accounts.links.Purpose).
SITE_PREFIXES = ("/admin/", "/static/", "/verify-email/", "/password-reset/", "/invitation/", "/email-change/")
API_MAX_BODY_BYTES = 2_500_000
SITE_MAX_BODY_BYTES = 12_000_000
DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY_BYTES
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Databases, caches -------------------------------------------------------------------------------------------
_from_url = partial(database.from_url, base=BASE_DIR)
_DATABASE_FORMS = "sqlite:///file or postgresql://user:password@host/name"
_POSTGRESQL_FORM = "postgresql://user:password@host/name"
_default = env.parsed("DATABASE_URL", _from_url("sqlite:///db.sqlite3"), _from_url, _DATABASE_FORMS)
_replica = env.parsed("DATABASE_REPLICA_URL", None, database.postgresql, _POSTGRESQL_FORM)
# Set, DATABASE_URL leads to a pooler, and this around it: for commands, and for who listens.
DATABASE_DIRECT = env.parsed("DATABASE_DIRECT_URL", None, database.postgresql, _POSTGRESQL_FORM)
DATABASES = database.databases(_default, replica=_replica, direct=DATABASE_DIRECT)
LEAN_HANDLER = env.boolean("LEAN_HANDLER", True)
if not LEAN_HANDLER:  # Django's own has a thread for each request, which leaves its connection behind
    for _database in DATABASES.values():
        _database["CONN_MAX_AGE"] = 0
DATABASE_ROUTERS = ["core.replicas.Router"] if "replica" in DATABASES else []

REDIS_URL = env.address("REDIS_URL", schemes=("redis", "rediss", "unix"))
_REDIS = {"LOCATION": REDIS_URL, "OPTIONS": {"socket_connect_timeout": 0.3, "socket_timeout": 0.5}}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", **_REDIS}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "counters": {"BACKEND": "core.counters.RedisCountersWithFallback", **_REDIS}
    if REDIS_URL
    else {"BACKEND": "core.counters.DatabaseCounters"},
}

# --- Who may come in ---------------------------------------------------------------------------------------------
JWT_KEYS = env.parsed(
    "JWT_KEYS", secrets.derived_jwt_keys(SECRET_KEY), secrets.jwt_keys, "kid:secret,older-kid:older-secret"
)
ACCESS_TOKEN_LIFETIME = timedelta(seconds=env.integer("ACCESS_TOKEN_SECONDS", 900, low=30, high=86_400))
REFRESH_TOKEN_LIFETIME = timedelta(seconds=env.integer("REFRESH_TOKEN_SECONDS", 604_800, low=60, high=7_776_000))
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "AUDIENCE": "stitch-api",
    "ISSUER": PUBLIC_BASE_URL,
    "USER_ID_CLAIM": "sub",
    "TOKEN_TYPE_CLAIM": "token_type",
    "AUTH_HEADER_TYPES": ("Bearer",),
}
REGISTRATION = env.one_of("REGISTRATION", "closed", among=("closed", "open"))
VERIFICATION_LIFETIME = timedelta(hours=env.integer("VERIFICATION_HOURS", 24, low=1, high=720))
PASSWORD_RESET_LIFETIME = timedelta(minutes=env.integer("PASSWORD_RESET_MINUTES", 60, low=5, high=1_440))
INVITATION_LIFETIME = timedelta(hours=env.integer("INVITATION_HOURS", 168, low=1, high=720))

_HASHERS = {
    "bcrypt": "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "argon2": "django.contrib.auth.hashers.Argon2PasswordHasher",
}
_PEPPERED = {"bcrypt": "accounts.hashers.PepperedBCrypt", "argon2": "accounts.hashers.PepperedArgon2"}
PASSWORD_HASHER = env.one_of("PASSWORD_HASHER", "bcrypt", among=("bcrypt", "argon2"))
PASSWORD_PEPPERS: dict[str, str] = env.parsed(
    "PASSWORD_PEPPER", {}, secrets.peppers, "id:secret,older-id:older-secret or none,older-id:older-secret"
)
_hashers = [_PEPPERED, _HASHERS] if next(iter(PASSWORD_PEPPERS.values()), "") else [_HASHERS, _PEPPERED]
PASSWORD_HASHERS = [
    *(paths[PASSWORD_HASHER] for paths in _hashers),  # the first makes new hashes, all verify
    *(path for paths in _hashers for name, path in paths.items() if name != PASSWORD_HASHER),
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
] + [{"NAME": "accounts.credentials.MaximumLength"}]
LOGIN_REDIRECT_URL = "admin:index"

# Second factors and passkeys (accounts.factors). Encrypted with the first of these keys; all of them, and in the end
# one that is derived from SECRET_KEY, decrypt.
SECOND_FACTOR_KEYS: dict[str, str] = env.parsed(
    "SECOND_FACTOR_KEYS", {}, secrets.symmetric_keys, "id:secret,older-id:older-secret"
)
PASSKEY_RP_ID = env.domain_above("PASSKEY_RP_ID", PUBLIC_BASE_URL)
MFA_ADAPTER = "accounts.factors.encryption.Adapter"
MFA_TOTP_ISSUER = urlsplit(PUBLIC_BASE_URL).hostname
MFA_RECOVERY_CODE_DIGITS = 10

# django_ratelimit stays out of INSTALLED_APPS: it has no models, and its checks refuse caches that do count rightly.
RATELIMIT_ENABLE = env.boolean("RATELIMIT_ENABLE", True)
RATELIMIT_USE_CACHE = "counters"
AUTH_RATE = env.rate("AUTH_RATE", "5/m")
LOCKOUT_ENABLE = env.boolean("LOCKOUT_ENABLE", True)
LOCKOUT_FAILURES = env.integer("LOCKOUT_FAILURES", 5, low=1, high=1_000)
LOCKOUT_MAX_SECONDS = env.integer("LOCKOUT_MAX_SECONDS", 240, low=15, high=300)

ALLOWED_ORIGINS = env.origins("ALLOWED_ORIGINS")
CORS_ALLOWED_ORIGINS = ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/api/.*$"
# Where the refresh cookie is set or used.
CORS_CREDENTIALS_URLS_REGEX = r"/api/v1/auth/(login|login/second-factor|login/passkey|sso/exchange|refresh|logout)"
CORS_ALLOW_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
CORS_ALLOW_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "x-request-id",
)
CORS_EXPOSE_HEADERS = ("ETag", "Link", "Location", "X-Request-ID", "Retry-After", "Idempotency-Replayed")
CORS_PREFLIGHT_MAX_AGE = 7200

# --- Single sign-on, an optional extra (requirements-sso.txt): without OIDC_ISSUER nothing of it is there ----------
OIDC_ISSUER = env.parsed("OIDC_ISSUER", "", single_sign_on.issuer, "https://…, the issuer as the provider writes it")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("OIDC_NAME", "single sign-on")
OIDC_SCOPES: tuple[str, ...] = env.parsed(
    "OIDC_SCOPES", ("openid", "email", "profile"), single_sign_on.scopes, "names of scopes, openid among them"
)
OIDC_CREATE_USERS = env.boolean("OIDC_CREATE_USERS", False)
OIDC_ROLE_CLAIM = env.text("OIDC_ROLE_CLAIM")
OIDC_ROLES: dict[str, str] = env.parsed(
    "OIDC_ROLES", {}, single_sign_on.roles, "value:role pairs, such as cms-admins:admin"
)
single_sign_on.refuse_half({name: value for name, value in globals().items() if name.startswith("OIDC_")})

# --- What leaves the request: jobs, and mail ----------------------------------------------------------------------
BACKGROUND = env.boolean("BACKGROUND", True)
JOBS_KEEP_DAYS = env.integer("JOBS_KEEP_DAYS", 7, low=1, high=365)
TASKS = {"default": {"BACKEND": "core.jobs.Queue", "QUEUES": ["default", "mail"]}}
MAILERS = {
    "default": env.parsed("EMAIL_URL", mailing.CONSOLE if DEBUG else mailing.UNSET, mailing.from_url, mailing.FORMS)
}
DEFAULT_FROM_EMAIL = env.parsed(
    "DEFAULT_FROM_EMAIL",
    f"noreply@{urlsplit(PUBLIC_BASE_URL).hostname}",
    mailing.sender,
    "an address, or Name <address>",
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Browsers ----------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
X_FRAME_OPTIONS = "DENY"
UNFOLD = theme.UNFOLD
DJANGO_PROSE_EDITOR_EXTENSIONS = theme.PROSE_EXTENSIONS
SECURE_CSP = theme.STRICT_CSP  # of the site's middleware list; the API has its own in core.middleware
ADMIN_CSP = theme.ADMIN_CSP  # the one exception (docs/decisions/0005)
SECURE_REFERRER_POLICY = "same-origin"

# --- Public answers ----------------------------------------------------------------------------------------------
PUBLIC_MAX_AGE = env.integer("PUBLIC_CDN_SECONDS", 60, low=0, high=31_536_000)
PUBLIC_STALE_WHILE_REVALIDATE = env.integer("PUBLIC_STALE_SECONDS", 300, low=0, high=31_536_000)
EDGE_CACHE = env.boolean("EDGE_CACHE", True)
EDGE_CACHE_MIB = env.integer("EDGE_CACHE_MIB", 64, low=1, high=65_536)
EDGE_LOG_HITS = env.boolean("EDGE_LOG_HITS", False)
CDN_PURGE = cdn.with_token(
    env.parsed("CDN_PURGE_URL", [], cdn.from_url, cdn.FORMS),
    env.parsed("CDN_PURGE_TOKEN", "", cdn.token, "a token without blanks"),
)
EDGE_PREFIXES = ("/api/v1/pages", "/api/v1/posts", "/api/v1/settings")

# --- Language, time, files ---------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}
SERVESTATIC_USE_FINDERS = DEBUG
SERVESTATIC_AUTOREFRESH = DEBUG

# --- The API's document ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.Operations",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = openapi.SETTINGS

# --- Metrics and logs --------------------------------------------------------------------------------------------
METRICS_TOKEN = env.text("METRICS_TOKEN")
if 0 < len(METRICS_TOKEN) < 16:
    env.refuse("METRICS_TOKEN must have at least 16 characters: `openssl rand -hex 32` makes one.")
LOG_LEVEL = env.one_of("LOG_LEVEL", "INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "core.observability.RequestIdFilter"}},
    "formatters": {
        "json": {"()": "core.observability.JsonFormatter"},
        "readable": {"()": "core.observability.ReadableFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["request_id"],
            "formatter": "readable" if DEBUG else "json",
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "CRITICAL"},  # the access log has the line, core.api.problems has the trace
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
