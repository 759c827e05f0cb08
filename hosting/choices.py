"""Fixed choices of the hosting app: constant, label and (for badges) colour."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class NodeState(models.TextChoices):
    """What a node is ready for."""

    NEW = "new", _("New")
    READY = "ready", _("Ready")
    PAUSED = "paused", _("Paused")


class ConnectionKind(models.TextChoices):
    """How a node is reached."""

    SSH = "ssh", _("SSH")
    LOCAL = "local", _("This machine")


class ServiceState(models.TextChoices):
    """The life of a hosting service (OPERATIONS.md §2)."""

    PROVISIONING = "provisioning", _("Provisioning")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    SOFT_DELETED = "soft_deleted", _("Deleted, restorable")
    TERMINATED = "terminated", _("Terminated")
    ERROR = "error", _("Error")


class SshMode(models.TextChoices):
    """What the people of a service may do over SSH, the least first (as in hosting/state/ssh.py)."""

    NONE = "none", _("No access")
    SFTP = "sftp", _("Files only (SFTP)")
    SHELL = "shell", _("Files and commands")


class OperationKind(models.TextChoices):
    """What an operation does, as metrics and pages name it."""

    CREATE = "service_create", _("Create service")
    APPLY = "service_apply", _("Apply service")
    SUSPEND = "service_suspend", _("Suspend service")
    RESUME = "service_resume", _("Resume service")
    DELETE = "service_delete", _("Delete service")
    PURGE = "service_purge", _("Purge service")
    REMOVE_ARCHIVE = "archive_remove", _("Remove final archive")
    CHANGE_PHP = "php_change", _("Change PHP version")
    ADD_DOMAIN = "domain_add", _("Add domain")
    REMOVE_DOMAIN = "domain_remove", _("Remove domain")
    CHANGE_DNS = "dns_change", _("Change DNS")
    CHANGE_DNSSEC = "dnssec_change", _("Change DNSSEC")
    ADD_DATABASE = "database_add", _("Add database")
    REMOVE_DATABASE = "database_remove", _("Remove database")
    CHANGE_DATABASE_USER = "database_user_change", _("Change database user")
    ENABLE_MAIL = "mail_enable", _("Turn mail on")
    CHANGE_MAIL = "mail_change", _("Change mail")
    DISABLE_MAIL = "mail_disable", _("Turn mail off")
    ADD_MAILBOX = "mailbox_add", _("Add mailbox")
    CHANGE_MAILBOX = "mailbox_change", _("Change mailbox")
    REMOVE_MAILBOX = "mailbox_remove", _("Remove mailbox")
    CHANGE_MAIL_ALIAS = "mail_alias_change", _("Change mail alias")
    INSTALL_CERTIFICATE = "certificate_install", _("Install certificate")
    REMOVE_CERTIFICATE = "certificate_remove", _("Remove certificate")
    CHANGE_HTTPS = "https_change", _("Change HTTPS")
    ISSUE_CERTIFICATE = "certificate_issue", _("Issue certificate")
    REVOKE_CERTIFICATE = "certificate_revoke", _("Revoke certificate")
    ADD_FTP_ACCOUNT = "ftp_account_add", _("Add FTP account")
    CHANGE_FTP_ACCOUNT = "ftp_account_change", _("Change FTP account")
    REMOVE_FTP_ACCOUNT = "ftp_account_remove", _("Remove FTP account")
    CHANGE_SSH = "ssh_change", _("Change SSH access")
    HOLD_MESSAGE = "message_hold", _("Hold message")
    RELEASE_MESSAGE = "message_release", _("Release message")
    DELETE_MESSAGES = "message_delete", _("Delete waiting messages")
    BOOTSTRAP = "node_bootstrap", _("Bootstrap node")
    REPAIR = "drift_repair", _("Repair drift")
    ADOPT = "drift_adopt", _("Adopt what the node has")
    ROLLBACK = "rollback", _("Roll back")


class OperationState(models.TextChoices):
    """Where an operation is. The last five are final."""

    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    PLANNED = "planned", _("Planned")
    SUCCEEDED = "succeeded", _("Succeeded")
    ROLLED_BACK = "rolled_back", _("Rolled back")
    FAILED = "failed", _("Failed")
    ROLLBACK_FAILED = "rollback_failed", _("Rollback failed")
    CANCELLED = "cancelled", _("Cancelled")


FINAL_STATES = (
    OperationState.SUCCEEDED,
    OperationState.ROLLED_BACK,
    OperationState.FAILED,
    OperationState.ROLLBACK_FAILED,
    OperationState.CANCELLED,
)


class Phase(models.TextChoices):
    """What a running operation is doing."""

    QUEUED = "queued", _("Queued")
    PLANNING = "planning", _("Planning")
    APPLYING = "applying", _("Applying")
    ACTIVATING = "activating", _("Activating")
    VERIFYING = "verifying", _("Verifying")
    ROLLING_BACK = "rolling_back", _("Rolling back")
    DONE = "done", _("Done")


class EntryState(models.TextChoices):
    """Where one journalled change is."""

    INTENDED = "intended", _("Started")
    APPLIED = "applied", _("Done")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")
    REVERTED = "reverted", _("Taken back")


class Risk(models.TextChoices):
    """How much an action can spoil, the lowest first."""

    LOW = "low", _("Low risk")
    MEDIUM = "medium", _("Medium risk")
    HIGH = "high", _("High risk")


class Reversibility(models.TextChoices):
    """Whether what an action did can be taken back, the easiest first."""

    REVERSIBLE = "reversible", _("Reversible")
    REQUIRES_RESTORE = "requires_restore", _("Reversible from kept data")
    IRREVERSIBLE = "irreversible", _("Irreversible")


class IntentState(models.TextChoices):
    """Where an intent is. The last three are final."""

    WAITING = "waiting", _("Waits for confirmation")
    CONFIRMED = "confirmed", _("Confirmed")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


class BulkState(models.TextChoices):
    """Where a bulk run is. The last four are final."""

    WAITING = "waiting", _("Waits for confirmation")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    PARTIAL = "partial", _("Partly succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class BulkItemState(models.TextChoices):
    """What became of one service of a bulk run."""

    WAITING = "waiting", _("Not started")
    STARTED = "started", _("Started")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    REFUSED = "refused", _("Refused")
    CANCELLED = "cancelled", _("Cancelled")


class DkimState(models.TextChoices):
    """What a DKIM key is for."""

    ACTIVE = "active", _("Signs")
    RETIRED = "retired", _("Published, signs no more")


class CertificateSource(models.TextChoices):
    """Where a certificate comes from."""

    UPLOADED = "uploaded", _("Uploaded")
    ACME = "acme", _("Automatic")


class AutoCertificateState(models.TextChoices):
    """How it goes with a certificate that NPanel gets by itself."""

    WAITING = "waiting", _("Waits")
    RUNNING = "running", _("Is being issued")
    ISSUED = "issued", _("Issued")
    FAILED = "failed", _("Failed")
    OFF = "off", _("Off")


class CertificateState(models.TextChoices):
    """Whether browsers take a certificate, by its dates."""

    VALID = "valid", _("Valid")
    EXPIRING = "expiring", _("Ends soon")
    EXPIRED = "expired", _("Ended")
    NOT_YET = "not_yet", _("Not valid yet")


class LookupKind(models.TextChoices):
    """What is asked about mail."""

    LOG = "log", _("Delivery log")
    CHECK = "check", _("Deliverability")


class LookupState(models.TextChoices):
    """Where a question about mail is."""

    WAITING = "waiting", _("Being looked up")
    ANSWERED = "answered", _("Answered")
    FAILED = "failed", _("Failed")


class DriftState(models.TextChoices):
    """What became of a difference that was found."""

    OPEN = "open", _("Open")
    REPAIRED = "repaired", _("Repaired")
    ADOPTED = "adopted", _("Adopted")
    GONE = "gone", _("Gone by itself")


class DeliveryState(models.TextChoices):
    """What became of a webhook's delivery."""

    PENDING = "pending", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    GIVEN_UP = "given_up", _("Given up")


class WebhookEvent(models.TextChoices):
    """What a webhook can be told about."""

    OPERATION_FINISHED = "operation.finished", _("An operation has ended")
    SERVICE_STATE_CHANGED = "service.state_changed", _("A hosting service's state has changed")
    INTENT_WAITING = "intent.waiting", _("Something waits for its confirmation")
    INTENT_CONFIRMED = "intent.confirmed", _("A confirmation was given")
    INTENT_EXPIRED = "intent.expired", _("Nobody confirmed it in time")
    INTENT_CANCELLED = "intent.cancelled", _("It was cancelled instead of confirmed")


#: Badge colours of states (a word always goes with them).
TONES = {
    "new": "neutral",
    "ready": "good",
    "paused": "warn",
    "provisioning": "info",
    "active": "good",
    "suspended": "warn",
    "soft_deleted": "warn",
    "terminated": "neutral",
    "error": "bad",
    "pending": "info",
    "running": "info",
    "planned": "info",
    "succeeded": "good",
    "rolled_back": "warn",
    "failed": "bad",
    "interrupted": "warn",
    "rollback_failed": "bad",
    "cancelled": "neutral",
    "intended": "info",
    "applied": "good",
    "unknown": "warn",
    "reverted": "warn",
    "waiting": "info",
    "confirmed": "good",
    "expired": "neutral",
    "started": "info",
    "partial": "warn",
    "refused": "bad",
    "page": "bad",
    "critical": "bad",
    "warning": "warn",
    "low": "good",
    "medium": "warn",
    "high": "bad",
    "reversible": "good",
    "requires_restore": "warn",
    "irreversible": "bad",
    "open": "warn",
    "repaired": "good",
    "adopted": "good",
    "gone": "neutral",
    "delivered": "good",
    "given_up": "bad",
    "valid": "good",
    "expiring": "warn",
    "issued": "good",
    "not_yet": "warn",
    "answered": "good",
}
