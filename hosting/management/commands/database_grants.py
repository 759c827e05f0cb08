"""``manage.py database_grants``: what each of NPanel's MariaDB accounts may do, table by table (SECURITY §1–2)."""

import json
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from audit.grants import TRAIL_ROLES, application_grants, trail_grants

#: Whoever can write here has the worker call functions, so web processes do not even see these tables.
QUEUE_TABLES = frozenset({"django_q_ormq", "django_q_task", "django_q_schedule"})
#: What web processes only read, or less than remove: who could forge a journal could have a rollback write its files as
#: root on a node. They add operations and change them (approve, cancel), and change drift (repair, adopt).
WEB_RIGHTS = {
    "hosting_journalentry": "SELECT",
    "hosting_activationlock": "SELECT",
    "hosting_activationticket": "SELECT",
    "hosting_workerheartbeat": "SELECT",
    "hosting_acmeaccount": "SELECT",
    "hosting_acmerequest": "SELECT",
    "observability_healthperiod": "SELECT",
    "hosting_operation": "SELECT, INSERT, UPDATE",
    "hosting_driftitem": "SELECT, UPDATE",
    "audit_verification": "SELECT",
    "django_migrations": "SELECT",
    "django_content_type": "SELECT",
    "auth_permission": "SELECT",
    "auth_group": "SELECT",
    "auth_group_permissions": "SELECT",
}
#: Values are pickles that web processes write, so whoever runs with the worker's rights does not even see them.
WEB_TABLES = frozenset({"npanel_cache"})
ROLES = ("web", "worker", "audit", "retention", "migrator")
_NAME = re.compile(r"[A-Za-z0-9_]{1,60}")
_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,60}")


class Command(BaseCommand):
    """Print or apply the grants."""

    help = (
        "Print the GRANT statements for NPanel's MariaDB accounts; --apply runs them, after which the accounts' rights "
        "are exactly these. The accounts must exist. Run it with an account that may grant, after each migrate."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How the accounts are called, and whether to go ahead."""
        parser.add_argument(
            "--prefix", default="npanel", help="accounts are PREFIX_web, PREFIX_worker… (default npanel)"
        )
        parser.add_argument("--host", default="localhost", help="host part of the accounts (default localhost)")
        parser.add_argument("--role", choices=ROLES, action="append", help="only this account; may be repeated")
        parser.add_argument("--apply", action="store_true", help="revoke what the accounts have and grant this")
        parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the statements; run or print them."""
        if connection.vendor != "mysql":
            raise CommandError("Grants are for MariaDB; a SQLite file is protected by its permissions.")
        if not _NAME.fullmatch(options["prefix"]) or not _HOST.fullmatch(options["host"]):
            raise CommandError("The prefix or the host has characters that no account of ours has.")
        wanted = {
            role: (account := f"'{options['prefix']}_{role}'@'{options['host']}'", grants_for(role, account))
            for role in options["role"] or ROLES
        }
        if options["apply"]:
            self._apply(wanted)
        if options["json"]:
            shown = {role: {"account": account, "grants": grants} for role, (account, grants) in wanted.items()}
            self.stdout.write(json.dumps({"applied": options["apply"], "roles": shown}, indent=2))
            return
        for role, (account, grants) in wanted.items():
            self.stdout.write(f"-- {role}: {account}")
            self.stdout.write("\n".join(f"{statement};" for statement in grants))

    def _apply(self, wanted: dict[str, tuple[str, list[str]]]) -> None:
        with connection.cursor() as cursor:
            for account, grants in wanted.values():
                cursor.execute(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}")
                for statement in grants:
                    cursor.execute(statement)


def grants_for(role: str, account: str) -> list[str]:
    """The statements for one account.

    Args:
        role: web: everything but the queue, audit events only to add and read, and on :data:`WEB_RIGHTS` no more than
            is said there. worker: all but :data:`WEB_TABLES`, audit events only to add and read. audit: seals and
            checkpoints to add. retention: to remove what is archived, to blank what is erased. migrator: all of
            the schema.
        account: as SQL writes it, e.g. ``'npanel_web'@'localhost'``.
    """
    schema, tables = connection.settings_dict["NAME"], set(connection.introspection.table_names())
    if role == "migrator":
        # ``_`` and ``%`` are wildcards in the database name of a GRANT (https://mariadb.com/kb/en/grant/).
        pattern = schema.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%").replace("`", "``")
        return [f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO {account}"]
    if role in TRAIL_ROLES:
        return trail_grants(role, account=account, schema=schema, tables=tables)
    if role == "web":
        return application_grants(
            account=account, schema=schema, tables=tables, hidden=QUEUE_TABLES, narrowed=WEB_RIGHTS
        )
    return application_grants(account=account, schema=schema, tables=tables, hidden=WEB_TABLES)
