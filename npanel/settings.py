"""Django's settings; every one that differs between installations comes from the environment (see docs/settings.md)."""

import os

from npanel import env
from npanel.archive_storage import archive_storage, retention_periods
from npanel.env import BASE_DIR
from npanel.interfaces import INTERFACES, interface_settings, signing_key
from npanel.panel_certificate import tls_files
from npanel.version import VERSION
from observability.logging import configure

ENVIRONMENT = NPANEL_ENVIRONMENT = env.choice("ENVIRONMENT", "development", ("development", "production"))
PRODUCTION = ENVIRONMENT == "production"
NPANEL_VERSION = VERSION
NPANEL_INTERFACE = env.choice("INTERFACE", "command", INTERFACES)

VAR_DIR = env.path("VAR_DIR", BASE_DIR / "var")
KEY_DIR = env.path("KEY_DIR", VAR_DIR / "keys")
VAR_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = env.boolean("DEBUG", False)
# Each interface signs with a key of its own; commands have the operators'.
_key_name = "customer" if NPANEL_INTERFACE == "customer" else "web"
_secret = env.secret("SECRET_KEY", generate_in=None if PRODUCTION else KEY_DIR / f"{_key_name}.secret")
SECRET_KEY = signing_key(_secret, NPANEL_INTERFACE)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver")
CSRF_TRUSTED_ORIGINS = env.words("TRUSTED_ORIGINS")

# The worker alone gets these two paths; web processes hold the public key only (SECURITY.md, "Secrets at rest").
NPANEL_WORKER_PUBLIC_KEYS = env.path("WORKER_PUBLIC_KEYS", KEY_DIR / "worker.pub")
NPANEL_WORKER_PRIVATE_KEYS = env.path("WORKER_PRIVATE_KEYS", KEY_DIR / "worker.key")
NPANEL_QUEUE_KEY_FILE = env.path("QUEUE_KEY_FILE", KEY_DIR / "queue.key")
NPANEL_DOORBELL = env.path("DOORBELL", VAR_DIR / "run" / "doorbell.sock")
NPANEL_WORKERS = env.number("WORKERS", 4)
# A change by hand must be told within five minutes (docs/adr/0018-runbook-and-drills.md).
NPANEL_DRIFT_SECONDS = env.number("DRIFT_SECONDS", 180)
NPANEL_MAIL_QUEUE_SECONDS = env.number("MAIL_QUEUE_SECONDS", 30)
NPANEL_MAIL_BLOCKLISTS = env.words("MAIL_BLOCKLISTS")

# For so many days a deleted service can be restored, and its final archive is kept after the purge (0: none is made).
#: Fetches for previews that a web process has under way at most: half of its threads.
NPANEL_PREVIEWS_AT_ONCE = max(1, env.number("WEB_THREADS", 8) // 2)
NPANEL_GRACE_DAYS = env.number("GRACE_DAYS", 14)
NPANEL_FINAL_ARCHIVE_DAYS = env.number("FINAL_ARCHIVE_DAYS", 30)

NPANEL_TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")
NPANEL_METRICS_ALLOW = env.words("METRICS_ALLOW", "127.0.0.0/8,::1/128")
NPANEL_METRICS_TOKEN = env.optional_secret("METRICS_TOKEN")
# Alertmanager proves itself with it at /hooks/alertmanager/; without one nobody can.
NPANEL_ALERT_TOKEN = env.optional_secret("ALERT_TOKEN")
# Who seals audit events: the worker, or `manage.py audit_seal --follow` with an account and a key of its own.
NPANEL_AUDIT_SEALER = env.choice("AUDIT_SEALER", "process" if PRODUCTION else "worker", ("worker", "process"))
NPANEL_AUDIT_PRIVATE_KEYS = env.path("AUDIT_PRIVATE_KEYS", KEY_DIR / "audit.key")
NPANEL_AUDIT_PUBLIC_KEYS = env.path("AUDIT_PUBLIC_KEYS", KEY_DIR / "audit.pub")
NPANEL_AUDIT_CHECKPOINT_DIR = env.path("AUDIT_CHECKPOINT_DIR", VAR_DIR / "checkpoints")
NPANEL_AUDIT_SYSLOG = env.text("AUDIT_SYSLOG")
NPANEL_AUDIT_CHECKPOINT_SECONDS = env.number("AUDIT_CHECKPOINT_SECONDS", 60)
NPANEL_AUDIT_UNSEALED_SECONDS = env.number("AUDIT_UNSEALED_SECONDS", 600)
NPANEL_AUDIT_FULL_VERIFY_DAYS = env.number("AUDIT_FULL_VERIFY_DAYS", 7)
NPANEL_AUDIT_HOT_DAYS = env.number("AUDIT_HOT_DAYS", 30)
NPANEL_AUDIT_DELETE_DAYS = env.number("AUDIT_DELETE_DAYS", 365)
NPANEL_AUDIT_SPOOL_DIR = env.path("AUDIT_SPOOL_DIR", VAR_DIR / "spool")
NPANEL_ARCHIVE_AGE_RECIPIENTS = env.words("ARCHIVE_AGE_RECIPIENTS")
NPANEL_ARCHIVE_AGE_IDENTITY = env.text("ARCHIVE_AGE_IDENTITY") or None
NPANEL_LOG_DIR = env.path("LOG_DIR", VAR_DIR / "log")
NPANEL_RETENTION = retention_periods()
NPANEL_RETENTION_LOCK = VAR_DIR / "run" / "retention.lock"
NPANEL_RUNBOOK_DIR = env.path("RUNBOOK_DIR", BASE_DIR / "docs" / "runbook")
NPANEL_HEALTH_DISK_PATHS = env.words("HEALTH_DISK_PATHS", "/")
NPANEL_HEALTH_MEMORY_CGROUP = env.text("HEALTH_MEMORY_CGROUP")
NPANEL_HEALTH_HISTORY_DAYS = env.number("HEALTH_HISTORY_DAYS", 90)
NPANEL_PANEL_CERTIFICATE = tls_files().certificate
NPANEL_TRUSTED_ROOTS = env.text("TRUSTED_ROOTS")
# Spans go to an OpenTelemetry collector when one is named, by our name for it or by the standard's.
NPANEL_OTLP_ENDPOINT = env.text("OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
# Certificates for sites come from this authority by themselves; none is asked while the address is empty.
NPANEL_ACME_DIRECTORY = env.text("ACME_DIRECTORY")
NPANEL_ACME_CA_FILE = env.text("ACME_CA_FILE")
NPANEL_ACME_EMAIL = env.text("ACME_EMAIL")
NPANEL_ACME_AUTOMATIC = env.boolean("ACME_AUTOMATIC", True)
NPANEL_HEALTH_RESOLVERS = env.words("HEALTH_RESOLVERS") or None

INSTALLED_APPS = [
    "npanel.apps.WiringConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "npanel.admin_config.ConsoleConfig",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_prometheus",
    "django_structlog",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "observability",
    "audit",
    "accounts",
    "hosting",
]

MIDDLEWARE = [
    "observability.middleware.PrometheusBeforeMiddleware",
    "observability.middleware.RequestMiddleware",
    "audit.middleware.AuditUnavailableMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "npanel.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.DoorMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "observability.middleware.PrometheusAfterMiddleware",
]

globals().update(interface_settings(NPANEL_INTERFACE))
WSGI_APPLICATION = "npanel.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "npanel.csp.nonce",
                "accounts.context.account",
                "accounts.context.impersonation",
            ],
        },
    },
]

DATABASES = {"default": env.database(f"sqlite://{VAR_DIR / 'npanel.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all web processes. Values are pickles, so worker and commands, which web processes must not reach, have
# a cache of their own (SECURITY.md, "Queue as code execution").
_shared: dict[str, object] = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "npanel_cache"}
# What is evicted forgets a limit: far more entries than strangers make before theirs run out.
_shared |= {"OPTIONS": {"MAX_ENTRIES": 100_000, "CULL_FREQUENCY": 10}}
_own = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
# What the API's throttles count is each process's own: a row written for every request would cost more than it saves.
_counters = _own | {"LOCATION": "counters", "OPTIONS": {"MAX_ENTRIES": 20_000}}
CACHES = {"default": _shared if NPANEL_INTERFACE in ("admin", "customer") else _own, "counters": _counters}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Sign-in (docs/adr/0010-sign-in.md). Links in letters start with these addresses, never with a request's Host header.
NPANEL_ADMIN_URL = env.text("ADMIN_URL", "" if PRODUCTION else "http://localhost:8080").rstrip("/")
NPANEL_PORTAL_URL = env.text("PORTAL_URL", "" if PRODUCTION else "http://localhost:8080").rstrip("/")
NPANEL_REQUIRE_STAFF_2FA = env.boolean("REQUIRE_STAFF_2FA", PRODUCTION)
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_FORMS = {"login": "accounts.forms.SignInForm"}
# Guessing is limited by accounts.throttle; what stays here limits people who are signed in.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None, "reset_password": None, "signup": None}
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False

EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD")
EMAIL_USE_TLS = env.boolean("EMAIL_STARTTLS", False)
EMAIL_USE_SSL = env.boolean("EMAIL_TLS", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "npanel@localhost")
# Without a server, letters are files below the var folder.
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = str(VAR_DIR / "mail")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # each in its own words
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", VAR_DIR / "static")
if not PRODUCTION:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES: dict[str, dict[str, object]] = {
    "archive": archive_storage(VAR_DIR / "archive"),
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION

SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 8 * 3600
SECURE_SSL_REDIRECT = PRODUCTION
# Probes and Prometheus ask on loopback, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|health|metrics)$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if NPANEL_TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_PERMISSIONS = 0o600

DEFAULT_EXCEPTION_REPORTER = "observability.error_pages.SafeExceptionReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "observability.error_pages.SafeReporterFilter"

# django-q2 only executes (DEPENDENCIES.md): attempts, lease, timeout and result are on our Operation row.
# Its signing key is set by the worker at start from NPANEL_QUEUE_KEY_FILE; no other process can sign a task.
Q_CLUSTER = {
    "name": "npanel",
    "orm": "default",
    "workers": NPANEL_WORKERS,
    "queue_limit": 1,
    "bulk": 1,
    "poll": 0.2,
    "timeout": 3600,
    "retry": 14400,
    "save_limit": 0,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "recycle": 5000,
    "label": "Queue",
}

REST_FRAMEWORK = {
    # Tokens alone: a session's cookie would make every page of the panel a way into the API (docs/api.md, "Tokens").
    "DEFAULT_AUTHENTICATION_CLASSES": ["hosting.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["hosting.api.permissions.MayUseApi"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hosting.api.parsers.Json"],
    "DEFAULT_THROTTLE_CLASSES": ["hosting.api.throttles.TokenThrottle", "hosting.api.throttles.AddressThrottle"],
    "DEFAULT_SCHEMA_CLASS": "hosting.api.schema.Schema",
    "EXCEPTION_HANDLER": "hosting.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
    # Throttles ask observability.client_ip, which knows the proxies; DRF's own reading of X-Forwarded-For is not used.
    "NUM_PROXIES": 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "NPanel",
    "DESCRIPTION": "Everything that the console and the customers' portal can do. docs/api.md is the guide.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "DISABLE_ERRORS_AND_WARNINGS": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["hosting.api.schema.only_v1"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "hosting.api.schema.add_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "OperationState": "hosting.choices.OperationState",
        "OperationKind": "hosting.choices.OperationKind",
        "ServiceState": "hosting.choices.ServiceState",
        "NodeState": "hosting.choices.NodeState",
        "SshMode": "hosting.choices.SshMode",
        "DriftState": "hosting.choices.DriftState",
        "DeliveryState": "hosting.choices.DeliveryState",
        "WebhookEvent": "hosting.choices.WebhookEvent",
        "IntentState": "hosting.choices.IntentState",
        "BulkState": "hosting.choices.BulkState",
        "BulkItemState": "hosting.choices.BulkItemState",
        "Role": "accounts.choices.Role",
        "RoleToGive": "hosting.api.inputs.ROLES_TO_GIVE",
    },
}
NPANEL_API_RATE_TOKEN = env.text("API_RATE_TOKEN", "600/min")
NPANEL_API_RATE_ADDRESS = env.text("API_RATE_ADDRESS", "60/min")
# Requests that may wait for an operation at once, in one process and for one person: the other threads serve.
NPANEL_API_WAITERS = env.number("API_WAITERS", 4)
NPANEL_API_WAITERS_EACH = env.number("API_WAITERS_EACH", 2)
# Development only: webhooks may go to http addresses and to this machine.
NPANEL_WEBHOOK_LOOPBACK = env.boolean("WEBHOOK_LOOPBACK", not PRODUCTION) and not PRODUCTION

PROMETHEUS_LATENCY_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0, float("inf"))

_lines = env.log_lines(NPANEL_INTERFACE)
NPANEL_LOG_FILE = _lines["file"] or ""
LOGGING_CONFIG = None
configure(level=env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")), **_lines)
