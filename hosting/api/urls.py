"""URLs of the API, the same on both interfaces."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from hosting.api import (
    auto_certificates,
    certificates,
    ftp,
    mail,
    mail_lookups,
    mail_queue,
    record_templates,
    reference,
    secondaries,
    ssh,
)
from hosting.api.problems import not_found
from hosting.api.views import accounts, hosted, operated, own, zones

app_name = "api"

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
for name, view in {
    "customers": hosted.Customers,
    "members": accounts.Members,
    "people": accounts.People,
    "resellers": accounts.Resellers,
    "plans": hosted.Plans,
    "services": hosted.Services,
    "domains": hosted.Domains,
    "certificates": certificates.Certificates,
    "records": hosted.Records,
    "zones": zones.Zones,
    "record-templates": record_templates.RecordTemplates,
    "databases": hosted.Databases,
    "database-users": hosted.DatabaseUsers,
    "ftp-accounts": ftp.FtpAccounts,
    "mail-domains": mail.MailDomains,
    "mailboxes": mail.Mailboxes,
    "mail-aliases": mail.MailAliases,
    "auto-certificates": auto_certificates.AutoCertificates,
    "ssh-keys": ssh.SshKeys,
    "mail-lookups": mail_lookups.MailLookups,
    "mail-queues": mail_queue.MailQueues,
    "queued-messages": mail_queue.QueuedMessages,
    "operations": operated.Operations,
    "bulk-runs": operated.BulkRuns,
    "bulk-items": operated.BulkItems,
    "nodes": operated.Nodes,
    "secondaries": secondaries.Secondaries,
    "drift": operated.Drift,
    "activity": operated.Activity,
    "tokens": own.Tokens,
    "webhooks": own.Webhooks,
    "webhook-deliveries": own.Deliveries,
}.items():
    router.register(name, view, basename=name)

urlpatterns = [
    *router.urls,
    path("me", own.Me.as_view({"get": "retrieve", "patch": "partial_update"}), name="me"),
    path("schema/", reference.schema, name="schema"),
    path("docs/", reference.docs, name="docs"),
    path("errors/", reference.errors, name="errors"),
    path("errors/<slug:code>", reference.errors, name="error"),
    path("", not_found),
    path("<path:rest>", not_found),
]
