"""What should be and what is, as plain values: Resources, Changes, Plans. Pure: no Django, no I/O."""

from hosting.state.codec import decode, encode
from hosting.state.kept import FinalArchive, KeptData
from hosting.state.mail import Autoreply, DkimKey, MailAlias, Mailbox, MailDomain
from hosting.state.plan import Action, Change, Plan, PlanConflict, plan, state_of
from hosting.state.resources import (
    DaemonUnit,
    Database,
    DatabaseUser,
    DnsRecord,
    DnsZone,
    DocumentRoot,
    Grant,
    NodeFile,
    NodeLink,
    Package,
    PhpPool,
    Ref,
    Resource,
    Secret,
    SystemUser,
    VirtualHost,
)
from hosting.state.tls import MailCertificate, TlsCertificate

__all__ = [
    "Action",
    "Autoreply",
    "Change",
    "DaemonUnit",
    "Database",
    "DatabaseUser",
    "DkimKey",
    "DnsRecord",
    "DnsZone",
    "DocumentRoot",
    "FinalArchive",
    "Grant",
    "KeptData",
    "MailAlias",
    "MailCertificate",
    "MailDomain",
    "Mailbox",
    "NodeFile",
    "NodeLink",
    "Package",
    "PhpPool",
    "Plan",
    "PlanConflict",
    "Ref",
    "Resource",
    "Secret",
    "SystemUser",
    "TlsCertificate",
    "VirtualHost",
    "decode",
    "encode",
    "plan",
    "state_of",
]
