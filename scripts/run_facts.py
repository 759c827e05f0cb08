"""Brings the panel's database and keys up to date and prints, as JSON, what `make run` has to know of its contents.

One process for both, since loading Django takes most of the time.

Usage: ``run_facts.py DOMAIN NODE OPERATOR PLAN PERSON``.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import django

from npanel import env
from npanel.env import prepare_metrics_directory


def bring_up_to_date() -> bool:
    """Apply migrations and make keys that are missing; gives whether there were any migrations to apply."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    pending = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if pending:
        call_command("migrate", interactive=False, verbosity=0)
    call_command("worker_key", init=True, stdout=io.StringIO())
    # The web process may not write into the folder of keys: its own must be there when it starts.
    env.secret("SECRET_KEY", generate_in=settings.KEY_DIR / "customer.secret")
    return pending


def known(domain: str, node: str, operator: str, plan: str, person: str) -> dict[str, Any]:
    """What is in the database of the things that `make run` makes."""
    from accounts.models import User
    from hosting.models import Domain, HostingPlan, Node

    server = Node.objects.filter(name=node).first()
    site = Domain.objects.filter(name_key=domain).select_related("service__node").first()
    return {
        "operator": User.objects.filter(email=operator).exists(),
        "person": User.objects.filter(email=person).exists(),
        "plan": HostingPlan.objects.filter(name=plan).exists(),
        "node": None if server is None else {"state": server.state, "host_keys": server.host_keys},
        "service": None if site is None else _service(site.service),
    }


def _service(service: Any) -> dict[str, Any]:
    users = set(service.database_users.values_list("name", flat=True))
    return {
        "username": service.username,
        "state": service.state,
        "node": service.node.name,
        "databases": {name: name in users for name in service.databases.values_list("name", flat=True)},
    }


def main(arguments: list[str]) -> int:
    """Do both and print one JSON document."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npanel.settings")
    prepare_metrics_directory()
    django.setup()
    migrated = bring_up_to_date()
    print(json.dumps({"migrated": migrated} | known(*arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
