"""Audit verbs of the hosting app."""

from django.utils.translation import gettext_lazy as _

from audit.verbs import Verb, register_verb
from hosting.choices import OperationKind

#: One verb for each kind of operation: requested when asked for, then its outcome.
OPERATION_VERBS: dict[str, Verb] = {
    kind.value: register_verb(f"operation.{kind.value}", kind.label) for kind in OperationKind
}
NODE_ADD = register_verb("node.add", _("added the node"))
NODE_AUTHORIZE = register_verb("node.authorize_key", _("installed NPanel's key on the node"))
NODE_RESUME = register_verb("node.resume", _("resumed the node"))
NODE_PIN = register_verb("node.pin_host_keys", _("pinned the node's host keys"))
OPERATION_APPROVE = register_verb("operation.approve", _("approved the operation"))
OPERATION_CANCEL = register_verb("operation.cancel", _("cancelled the operation"))
INTENT_PREPARE = register_verb("intent.prepare", _("prepared the confirmation"))
INTENT_TOKEN = register_verb("intent.token", _("was shown the confirmation token"))
INTENT_CONFIRM = register_verb("intent.confirm", _("confirmed the operation"))
INTENT_EXPIRE = register_verb("intent.expire", _("let the confirmation expire"))
SERVICE_RESTORE = register_verb("service.restore", _("restored the service"))
BULK_START = register_verb("bulk.start", _("started the bulk run"))
BULK_CONFIRM = register_verb("bulk.confirm", _("confirmed the bulk run"))
BULK_RETRY = register_verb("bulk.retry", _("tried the failed rows of the bulk run again"))
BULK_CANCEL = register_verb("bulk.cancel", _("cancelled what had not started of the bulk run"))
BULK_FINISH = register_verb("bulk.finish", _("finished the bulk run"))
DRIFT_ADOPT = register_verb("drift.adopt", _("adopted the difference"))
MAIL_SEARCH = register_verb("mail_lookup.search", _("looked in the mail log"))
MAIL_CHECK = register_verb("mail_lookup.check", _("checked how mail is taken elsewhere"))
MESSAGE_RETRY = register_verb("mail_queue.retry", _("had the waiting message tried again"))
FILE_QUARANTINE = register_verb("file.quarantine", _("moved a broken file aside"))
PLAN_CREATE = register_verb("plan.create", _("created the hosting plan"))
PLAN_CHANGE = register_verb("plan.change", _("changed the hosting plan"))
PLAN_DELETE = register_verb("plan.delete", _("deleted the hosting plan"))
TEMPLATE_CREATE = register_verb("record_template.create", _("created the record template"))
TEMPLATE_CHANGE = register_verb("record_template.change", _("changed the record template"))
TEMPLATE_DELETE = register_verb("record_template.delete", _("deleted the record template"))
FILE_UPLOAD = register_verb("file.upload", _("uploaded a file"))
KEY_ROTATE = register_verb("worker_key.rotate", _("rotated the worker's key"))
WEBHOOK_CREATE = register_verb("webhook.create", _("added the webhook"))
WEBHOOK_CHANGE = register_verb("webhook.change", _("changed the webhook"))
WEBHOOK_DELETE = register_verb("webhook.delete", _("deleted the webhook"))
WEBHOOK_SECRET = register_verb("webhook.secret", _("gave the webhook another secret"))
WEBHOOK_RESEND = register_verb("webhook.resend", _("had the webhook told again"))
WEBHOOK_DISABLE = register_verb("webhook.disable", _("disabled the webhook"))
RETENTION_RUN = register_verb("retention.run", _("archived and deleted old records"))
INCIDENT_OPEN = register_verb("incident.open", _("opened the incident"))
INCIDENT_REOPEN = register_verb("incident.reopen", _("opened the incident again"))
INCIDENT_ACKNOWLEDGE = register_verb("incident.acknowledge", _("took the incident on"))
INCIDENT_NOTE = register_verb("incident.note", _("wrote a note on the incident"))
INCIDENT_RESOLVE = register_verb("incident.resolve", _("resolved the incident"))
INCIDENT_REPORT = register_verb("incident.report", _("changed the incident's report"))
