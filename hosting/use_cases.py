"""What can be done, in one table: each use case with its service function, its subject, and who may ask for it.

Doors call :func:`hosting.policies.perform` with a name from here, which asks the policy and calls the function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.choices import MemberAccess
from hosting.services import (
    auto_certificates,
    bulk,
    certificates,
    customers,
    databases,
    dns,
    dnssec,
    drift,
    ftp_accounts,
    intents,
    lifecycle,
    mail,
    mail_aliases,
    mail_lookups,
    mail_queue,
    mailboxes,
    members,
    nodes,
    operations,
    people,
    plans,
    record_templates,
    secondaries,
    sites,
    ssh,
    webhooks,
    zone_edits,
)

_VIEWER, _MANAGER, _OWNER = MemberAccess.VIEWER, MemberAccess.MANAGER, MemberAccess.OWNER


@dataclass(frozen=True, slots=True)
class UseCase:
    """One thing that can be done.

    Args:
        name: ``subject.act``; the part before the dot is also what an API token's scope names.
        function: the service function; keyword-only, with ``actor``.
        subject: the keyword under which the function takes what it acts on, or "" when it makes something from nothing.
        access: the least access with which a customer's member may ask for it; None: not for customers.
        reseller: whether a reseller may ask for it, for customers of their own.
    """

    name: str
    function: Callable[..., Any]
    subject: str = ""
    access: MemberAccess | None = None
    reseller: bool = False


_TABLE = (
    UseCase("customer.create", customers.create_customer, reseller=True),
    UseCase("customer.delete", customers.delete_customer, "customer", reseller=True),
    UseCase("member.add", members.add_member, "customer", _OWNER, reseller=True),
    UseCase("member.change", members.change_access, "membership", _OWNER, reseller=True),
    UseCase("member.remove", members.remove_member, "membership", _OWNER, reseller=True),
    UseCase("person.create", people.create_person),
    UseCase("person.change", people.change_person, "user"),
    UseCase("person.deactivate", people.deactivate_person, "user"),
    UseCase("person.reset_second_factor", people.reset_second_factor, "user"),
    UseCase("person.end_sessions", people.end_sessions, "user"),
    UseCase("reseller.create", people.create_reseller),
    UseCase("reseller.change", people.change_reseller, "reseller"),
    UseCase("reseller.add_person", people.add_reseller_person, "reseller"),
    UseCase("plan.create", plans.create_plan, reseller=True),
    UseCase("plan.change", plans.change_plan, "plan", reseller=True),
    UseCase("plan.delete", plans.delete_plan, "plan", reseller=True),
    UseCase("service.create", sites.create_service, "customer", reseller=True),
    UseCase("service.apply", sites.apply_service, "service", _MANAGER, reseller=True),
    UseCase("service.suspend", sites.suspend_service, "service", reseller=True),
    UseCase("service.resume", sites.resume_service, "service", reseller=True),
    UseCase("service.delete", sites.delete_service, "service", reseller=True),
    UseCase("service.restore", lifecycle.restore_service, "service", reseller=True),
    UseCase("service.purge", lifecycle.purge_service, "service"),
    UseCase("service.php", sites.change_php, "service", _MANAGER, reseller=True),
    UseCase("domain.add", sites.add_domain, "service", _MANAGER, reseller=True),
    UseCase("domain.remove", sites.remove_domain, "domain", _MANAGER, reseller=True),
    UseCase("domain.https", certificates.change_https, "domain", _MANAGER, reseller=True),
    UseCase("certificate.upload", certificates.upload_certificate, "domain", _MANAGER, reseller=True),
    UseCase("certificate.remove", certificates.remove_certificate, "certificate", _MANAGER, reseller=True),
    UseCase("record.add", dns.add_record, "domain", _MANAGER, reseller=True),
    UseCase("record.change", dns.change_record, "record", _MANAGER, reseller=True),
    UseCase("record.delete", dns.delete_record, "record", _MANAGER, reseller=True),
    UseCase("zone.edit", zone_edits.edit_zone, "domain", _MANAGER, reseller=True),
    UseCase("zone.sign", dnssec.sign_zone, "domain", _MANAGER, reseller=True),
    UseCase("zone.unsign", dnssec.unsign_zone, "domain", _MANAGER, reseller=True),
    UseCase("zone.import_file", zone_edits.import_zone_file, "domain", _MANAGER, reseller=True),
    UseCase("zone.apply_template", record_templates.apply_template, "domain", _MANAGER, reseller=True),
    UseCase("record_template.create", record_templates.create_template, reseller=True),
    UseCase("record_template.change", record_templates.change_template, "template", reseller=True),
    UseCase("record_template.delete", record_templates.delete_template, "template", reseller=True),
    UseCase("database.create", databases.create_database, "service", _MANAGER, reseller=True),
    UseCase("database.create_with_user", databases.create_database_with_user, "service", _MANAGER, reseller=True),
    UseCase("database.delete", databases.delete_database, "database", _MANAGER, reseller=True),
    UseCase("database_user.create", databases.create_database_user, "service", _MANAGER, reseller=True),
    UseCase("database_user.password", databases.set_password, "user", _MANAGER, reseller=True),
    UseCase("database_user.delete", databases.delete_database_user, "user", _MANAGER, reseller=True),
    UseCase("mail_domain.enable", mail.enable_mail, "domain", _MANAGER, reseller=True),
    UseCase("mail_domain.change", mail.change_mail, "mail", _MANAGER, reseller=True),
    UseCase("mail_domain.rotate_dkim", mail.rotate_dkim, "mail", _MANAGER, reseller=True),
    UseCase("mail_domain.disable", mail.disable_mail, "mail", _MANAGER, reseller=True),
    UseCase("mailbox.create", mailboxes.create_mailbox, "mail", _MANAGER, reseller=True),
    UseCase("mailbox.change", mailboxes.change_mailbox, "mailbox", _MANAGER, reseller=True),
    UseCase("mailbox.password", mailboxes.set_mailbox_password, "mailbox", _MANAGER, reseller=True),
    UseCase("mailbox.autoreply", mailboxes.set_autoreply, "mailbox", _MANAGER, reseller=True),
    UseCase("mailbox.suspend", mailboxes.suspend_mailbox, "mailbox", _MANAGER, reseller=True),
    UseCase("mailbox.resume", mailboxes.resume_mailbox, "mailbox", _MANAGER, reseller=True),
    UseCase("mailbox.delete", mailboxes.delete_mailbox, "mailbox", _MANAGER, reseller=True),
    UseCase("mail_alias.create", mail_aliases.create_alias, "mail", _MANAGER, reseller=True),
    UseCase("mail_alias.change", mail_aliases.change_alias, "alias", _MANAGER, reseller=True),
    UseCase("mail_alias.delete", mail_aliases.delete_alias, "alias", _MANAGER, reseller=True),
    UseCase("auto_certificate.issue", auto_certificates.issue_certificate, "domain", _MANAGER, reseller=True),
    UseCase("auto_certificate.renew", auto_certificates.renew_certificate, "auto", _MANAGER, reseller=True),
    UseCase("auto_certificate.revoke", auto_certificates.revoke_certificate, "auto", _MANAGER, reseller=True),
    UseCase("ftp_account.create", ftp_accounts.create_ftp_account, "service", _MANAGER, reseller=True),
    UseCase("ftp_account.change", ftp_accounts.change_ftp_account, "account", _MANAGER, reseller=True),
    UseCase("ftp_account.password", ftp_accounts.set_ftp_password, "account", _MANAGER, reseller=True),
    UseCase("ftp_account.suspend", ftp_accounts.suspend_ftp_account, "account", _MANAGER, reseller=True),
    UseCase("ftp_account.resume", ftp_accounts.resume_ftp_account, "account", _MANAGER, reseller=True),
    UseCase("ftp_account.delete", ftp_accounts.delete_ftp_account, "account", _MANAGER, reseller=True),
    UseCase("service.ssh", ssh.set_ssh_access, "service", _MANAGER, reseller=True),
    UseCase("ssh_key.add", ssh.add_ssh_key, "service", _MANAGER, reseller=True),
    UseCase("ssh_key.remove", ssh.remove_ssh_key, "key", _MANAGER, reseller=True),
    UseCase("mail_lookup.search", mail_lookups.search_log, "service", _VIEWER, reseller=True),
    UseCase("mail_lookup.search_node", mail_lookups.search_node_log, "node"),
    UseCase("mail_lookup.check", mail_lookups.check_mail, "mail", _VIEWER, reseller=True),
    UseCase("mail_queue.retry", mail_queue.retry_message, "message", _MANAGER, reseller=True),
    UseCase("mail_queue.hold", mail_queue.hold_message, "message"),
    UseCase("mail_queue.release", mail_queue.release_message, "message"),
    UseCase("mail_queue.delete", mail_queue.delete_message, "message"),
    UseCase("mail_queue.clear", mail_queue.clear_queue, "queue"),
    UseCase("operation.approve", operations.approve_operation, "operation", _MANAGER, reseller=True),
    UseCase("operation.prepare", intents.prepare_again, "operation", _MANAGER, reseller=True),
    UseCase("operation.confirm", intents.confirm_intent, "operation", _MANAGER, reseller=True),
    UseCase("operation.cancel", operations.cancel_operation, "operation", _MANAGER, reseller=True),
    UseCase("operation.retry", operations.retry_operation, "operation", _MANAGER, reseller=True),
    UseCase("operation.discard", operations.discard_changes, "operation", _MANAGER, reseller=True),
    UseCase("operation.rollback", operations.rollback_operation, "operation", _MANAGER, reseller=True),
    # Operators only: a run takes the services it is given, whoever they belong to.
    UseCase("bulk.start", bulk.start_bulk),
    UseCase("bulk.prepare", bulk.prepare_bulk, "run"),
    UseCase("bulk.confirm", bulk.confirm_bulk, "run"),
    UseCase("bulk.retry", bulk.retry_bulk, "run"),
    UseCase("bulk.cancel", bulk.cancel_bulk, "run"),
    UseCase("node.add", nodes.add_node),
    UseCase("node.pin", nodes.pin_host_keys, "node"),
    UseCase("node.authorize", nodes.authorize_key, "node"),
    UseCase("node.bootstrap", nodes.bootstrap_node, "node"),
    UseCase("node.resume", nodes.resume_node, "node"),
    UseCase("node.scan", drift.request_scan, "node"),
    UseCase("secondary.add", secondaries.add_secondary, "node"),
    UseCase("secondary.remove", secondaries.remove_secondary, "secondary"),
    UseCase("drift.repair", drift.repair, "item"),
    UseCase("drift.adopt", drift.adopt, "item"),
    UseCase("webhook.create", webhooks.create_webhook, reseller=True),
    UseCase("webhook.create_for_customer", webhooks.create_webhook, "customer", _OWNER, reseller=True),
    UseCase("webhook.change", webhooks.change_webhook, "webhook", _OWNER, reseller=True),
    UseCase("webhook.secret", webhooks.renew_webhook_secret, "webhook", _OWNER, reseller=True),
    UseCase("webhook.delete", webhooks.delete_webhook, "webhook", _OWNER, reseller=True),
    UseCase("webhook.resend", webhooks.resend_delivery, "delivery", _OWNER, reseller=True),
)

USE_CASES: dict[str, UseCase] = {use.name: use for use in _TABLE}

#: What API tokens' scopes name: the subjects of the use cases, one's own tokens and profile, and what can only be read.
SUBJECTS = frozenset({name.partition(".")[0] for name in USE_CASES} | {"token", "profile"})
READ_ONLY_SUBJECTS = frozenset({"activity"})
