"""The closed list of values that a log line's ``operation`` field may have (a Loki label, so it must stay small)."""

import re

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

# Requests and people
HTTP_REQUEST = "http_request"
USER_LOGIN = "user_login"
USER_LOGOUT = "user_logout"
USER_LOGIN_FAILED = "user_login_failed"
IMPERSONATION = "impersonation"
LETTER = "letter"
ACCESS_DENIED = "access_denied"
TOKEN_USE = "token_use"  # noqa: S105 - a label, not a secret
# Operations on nodes
OPERATION_REQUEST = "operation_request"
OPERATION_PLAN = "operation_plan"
OPERATION_APPLY = "operation_apply"
OPERATION_VERIFY = "operation_verify"
OPERATION_ROLLBACK = "operation_rollback"
OPERATION_RECOVER = "operation_recover"
OPERATION_CANCEL = "operation_cancel"
OPERATION_LEASE = "operation_lease"
JOURNAL_WRITE = "journal_write"
ACTIVATION = "activation"
DRIFT_SCAN = "drift_scan"
DRIFT_REPAIR = "drift_repair"
DRIFT_ADOPT = "drift_adopt"
FAILPOINT = "failpoint"
# Nodes and the way to them
NODE_CONNECT = "node_connect"
NODE_COMMAND = "node_command"
NODE_BOOTSTRAP = "node_bootstrap"
NODE_CHECK = "node_check"
SSH_CONNECT = "ssh_connect"
SSH_HOST_KEY = "ssh_host_key"
# What is hosted
SITE_SYNC = "site_sync"
PHP_SYNC = "php_sync"
DNS_SYNC = "dns_sync"
DATABASE_SYNC = "database_sync"
SYSTEM_USER_SYNC = "system_user_sync"
SERVICE_LIFECYCLE = "service_lifecycle"
CUSTOMER_LIFECYCLE = "customer_lifecycle"
CERTIFICATE = "certificate"
BACKUP = "backup"
# The queue
QUEUE_DISPATCH = "queue_dispatch"
QUEUE_TASK = "queue_task"
QUEUE_HEARTBEAT = "queue_heartbeat"
WORKER_START = "worker_start"
WORKER_STOP = "worker_stop"
# Trust
AUDIT_WRITE = "audit_write"
AUDIT_SPOOL = "audit_spool"
AUDIT_REPLAY = "audit_replay"
AUDIT_DOCTOR = "audit_doctor"
SECRET_ACCESS = "secret_access"  # noqa: S105 - a label, not a secret
# The panel itself
HEALTH_CHECK = "health_check"
ALERT_RECEIVE = "alert_receive"
METRICS_SCRAPE = "metrics_scrape"
DATABASE_QUERY = "database_query"
SCHEMA_MIGRATION = "schema_migration"
MIGRATION_JOB = "migration_job"
RETENTION = "retention"
PROCESS_START = "process_start"
PROCESS_STOP = "process_stop"
COMMAND = "command"
CONFIGURATION = "configuration"
PYTHON_LOG = "python_log"

_known: set[str] = {value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)}

# Foreign libraries log by logger name; these prefixes have an operation of their own.
_BY_LOGGER = {
    "django.request": HTTP_REQUEST,
    "django.server": HTTP_REQUEST,
    "django.security": ACCESS_DENIED,
    "django.db": DATABASE_QUERY,
    "django_q": QUEUE_TASK,
    "django-q": QUEUE_TASK,
    "paramiko": SSH_CONNECT,
    "gunicorn": PYTHON_LOG,
}


class UnknownOperation(ValueError):
    """A log line names an operation that nobody registered."""


def register_operation(name: str) -> str:
    """Add ``name`` (lower-case words joined by underscores) to the list, and return it.

    Raises:
        ValueError: the name has another shape, which would make an unbounded label possible.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"Operation {name!r} must be lower-case words joined by underscores.")
    _known.add(name)
    return name


def known_operations() -> frozenset[str]:
    """All values that ``operation`` may have."""
    return frozenset(_known)


def require_operation(name: str) -> str:
    """Return ``name`` when it is registered.

    Raises:
        UnknownOperation: it is not.
    """
    if name not in _known:
        raise UnknownOperation(f"Operation {name!r} is not registered in observability.operations.")
    return name


def operation_of_logger(logger_name: str) -> str:
    """The operation for a line of the standard library's logging, by the longest known logger prefix."""
    parts = logger_name.split(".")
    for length in range(len(parts), 0, -1):
        found = _BY_LOGGER.get(".".join(parts[:length]))
        if found:
            return found
    return PYTHON_LOG
