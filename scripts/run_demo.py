"""Brings the panel's contents to where a demo runs, by the commands that people use; what is there already stays."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.run_manage import Manage
from scripts.run_node import LabNode
from scripts.run_options import Options, RunError
from scripts.run_screen import Screen, Step
from scripts.run_visits import Greeting, demo_counts, demo_page, resolved

OPERATOR = "admin@localhost"
PERSON = "customer@localhost"
PLAN = "Starter"
CUSTOMER = "Demo customer"
DOMAIN = "demo.test"
_DATABASE = "app"
_PAGE = Path(__file__).with_name("run_demo.php")
_WORKING = ("active", "provisioning", "error")


@dataclass
class Outcome:
    """What to tell the person: passwords made just now (never kept in clear) and what the site says."""

    operator_password: str = ""
    person_password: str = ""
    database: str = ""
    database_password: str = ""
    greeting: Greeting | None = None


class Demo:
    """The operator, the plan, the node and the site of `make run`.

    Args:
        facts: what ``run_facts.py`` printed.
    """

    def __init__(self, screen: Screen, manage: Manage, options: Options, facts: dict[str, Any]) -> None:
        self._screen, self._manage, self._options, self._facts = screen, manage, options, facts
        self.outcome = Outcome()

    def people_and_plans(self) -> None:
        """The first operator, the plan, and a person of the demo customer."""
        with self._screen.step(f"operator {OPERATOR}") as step:
            if self._facts["operator"]:
                step.kept()
            else:
                password = _password()
                self._manage("operator_create", OPERATOR, "--password-stdin", given=f"{password}\n")
                self.outcome.operator_password = password
        if self.outcome.operator_password:  # at once: whoever stops the run before its end could not sign in
            self._screen.say(f"      password of {OPERATOR}: {self.outcome.operator_password}")
        with self._screen.step(f"hosting plan {PLAN}") as step:
            if self._facts["plan"]:
                step.kept()
            else:
                self._manage("plan_create", PLAN, "--domains", "5", "--databases", "5", "--database-users", "5")
        with self._screen.step(f"{PERSON}, who signs in for {CUSTOMER}") as step:
            if self._facts["person"]:
                step.kept()
            else:
                password = _password()
                argv = ("person_create", PERSON, "--customer", CUSTOMER, "--access", "owner", "--password-stdin")
                self._manage(*argv, given=f"{password}\n")
                self.outcome.person_password = password
        if self.outcome.person_password:
            self._screen.say(f"      password of {PERSON}: {self.outcome.person_password}")

    # The node

    def node(self, server: LabNode) -> None:
        """The lab node in the panel: added with its host key pinned, and bootstrapped."""
        known = self._facts["node"]
        name = self._options.node_name
        with self._screen.step(f"node {name}: known, its host key pinned") as step:
            trusted = known is not None and server.host_key in known["host_keys"]
            if known is None:
                self._add_node(name, server)
            elif not trusted or known["state"] == "new":  # another server, or a first run that was stopped here
                step.title = f"node {name}: {'as added' if trusted else 'a new server'}, its host key pinned again"
                self._manage("node_pin", name, "--host-key", server.host_key, "--identity", server.key_path)
            else:
                step.kept()
        with self._screen.step(f"node {name}: bootstrapped over SSH") as step:
            if known is not None and known["state"] == "ready" and trusted:
                step.kept()
            else:
                self._manage("node_bootstrap", name, "--yes", on_line=step.note)

    def _add_node(self, name: str, server: LabNode) -> None:
        if server.is_used:
            raise RunError(
                f"Lab node {server.number} belongs to another panel, or to one whose data is gone.",
                f"Take another (NPANEL_RUN_NODE=2), or put a fresh server there: tests/lab/lab reset {server.number}",
            )
        trust = ("--host-key", server.host_key, "--identity", server.key_path)
        serves = ("--public-address", server.address)
        names = [word for n in (1, 2) for word in ("--nameserver", f"ns{n}.{name}.test")]
        self._manage("node_add", name, server.address, *trust, *serves, *names)

    # The site

    def site(self, server: LabNode) -> None:
        """The demo service, its database and its page, each as far as it is missing; then proof that it answers."""
        service = self._facts["service"]
        if service is not None and service["node"] != self._options.node_name:
            raise RunError(f"{DOMAIN} is hosted on {service['node']}, not on {self._options.node_name}.")
        if service is not None and service["state"] not in _WORKING:
            self._screen.skip(f"{DOMAIN} is {service['state']}: left as it is")
            return
        if service is None or not self._answers(server):
            self._provision(service)
        with self._screen.step(f"http://{DOMAIN}/ counts visits in its database") as step:
            self.outcome.greeting = demo_counts(server.address, DOMAIN)
            step.title = f"http://{DOMAIN}/ counts visits in its database: {self.outcome.greeting.visits}"
        with self._screen.step(f"{server.address} as name server knows {DOMAIN}") as step:
            found = resolved(server.address, DOMAIN)
            step.title = f"{server.address} as name server: {DOMAIN} is {', '.join(found)}"

    def _answers(self, server: LabNode) -> bool:
        with self._screen.step(f"service {DOMAIN}") as step:
            try:
                demo_page(server.address, DOMAIN)
                resolved(server.address, DOMAIN)
            except RunError:
                step.missed(f"service {DOMAIN}: does not answer as it should")
                return False
            step.kept()
            return True

    def _provision(self, service: dict[str, Any] | None) -> None:
        with self._screen.step(f"service {DOMAIN}: Linux user, PHP pool, site, DNS zone") as step:
            if service is None:
                where = ("--customer", CUSTOMER, "--node", self._options.node_name, "--plan", PLAN)
                self._manage("service_create", DOMAIN, *where, "--username", "demo", "--yes", on_line=step.note)
                service = {"username": "demo", "databases": {}}
            else:
                step.title = f"service {DOMAIN}: as wanted again"
                self._manage("service_apply", service["username"], "--yes", on_line=step.note)
        username = service["username"]
        password = _password()
        with self._screen.step(f"database of {DOMAIN}") as step:
            database = self._database(username, service["databases"], password, step)
            step.title = f"database {database} with an account"
        self.outcome.database, self.outcome.database_password = database, password
        with self._screen.step("the demo page, uploaded as the customer"):
            config = _config({"database": database, "account": database, "password": password})
            self._manage("site_upload", DOMAIN, "config.php", "-", given=config)
            self._manage("site_upload", DOMAIN, "index.php", str(_PAGE))

    def _database(self, username: str, known: dict[str, bool], password: str, step: Step) -> str:
        """A database whose account has this password: a new one, or the demo's own with a new password."""
        given = f"{password}\n"
        name = f"{username}_{_DATABASE}"
        if known.get(name):
            self._manage("database_password", name, "--password-stdin", "--yes", given=given, on_line=step.note)
            return name
        if name in known:  # its account was never made: leave that one alone
            name = f"{name}{len(known) + 1}"
        self._manage("database_create", username, name, "--password-stdin", "--yes", given=given, on_line=step.note)
        return name


def _password() -> str:
    return secrets.token_urlsafe(15)


def _config(values: dict[str, str]) -> str:
    """A PHP file that returns values; fetched by a visitor it prints nothing. (Values hold no quotes: we made them.)"""
    lines = [f"    '{name}' => '{value}'," for name, value in values.items()]
    head = ["<?php", "// Written by `make run`: how the demo page gets at its database.", "return ["]
    return "\n".join([*head, *lines, "];", ""])
