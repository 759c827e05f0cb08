"""The wanted facts and their invariants, and the operations that carry them out."""

from hosting.models.acme import AcmeAccount, AcmeRequest, AutoCertificate
from hosting.models.api import ApiIdempotencyKey
from hosting.models.bulk import BulkItem, BulkRun
from hosting.models.certificate import Certificate
from hosting.models.database import Database, DatabaseGrant, DatabaseUser
from hosting.models.dns import DnsRecord
from hosting.models.domain import Domain, NameLock
from hosting.models.drift import DriftItem
from hosting.models.ftp import FtpAccount
from hosting.models.intent import Intent
from hosting.models.mail import Autoreply, DkimKey, MailAlias, Mailbox, MailDomain
from hosting.models.mail_lookup import MailLookup
from hosting.models.mail_queue import MailQueue, QueuedMessage
from hosting.models.node import Node
from hosting.models.operation import ActivationLock, ActivationTicket, JournalEntry, Operation, WorkerHeartbeat
from hosting.models.plan import HostingPlan
from hosting.models.record_template import RecordTemplate
from hosting.models.secondary import Secondary
from hosting.models.service import HostingService
from hosting.models.ssh import SshKey
from hosting.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "AcmeAccount",
    "AcmeRequest",
    "ActivationLock",
    "ActivationTicket",
    "ApiIdempotencyKey",
    "AutoCertificate",
    "Autoreply",
    "BulkItem",
    "BulkRun",
    "Certificate",
    "Database",
    "DatabaseGrant",
    "DatabaseUser",
    "DkimKey",
    "DnsRecord",
    "Domain",
    "DriftItem",
    "FtpAccount",
    "HostingPlan",
    "HostingService",
    "Intent",
    "JournalEntry",
    "MailAlias",
    "MailDomain",
    "MailLookup",
    "MailQueue",
    "Mailbox",
    "NameLock",
    "Node",
    "Operation",
    "QueuedMessage",
    "RecordTemplate",
    "Secondary",
    "SshKey",
    "Webhook",
    "WebhookDelivery",
    "WorkerHeartbeat",
]
