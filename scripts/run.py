"""`make run`: the panel, its worker and a lab node with a hosted demo site, until Ctrl-C.

Run it as it is for a demo to work with, or with --check to see that everything answers. See docs/getting-started.md.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.run_demo import DOMAIN, OPERATOR, PERSON, PLAN, Demo
from scripts.run_front import doors, front_command
from scripts.run_manage import Manage
from scripts.run_node import Lab, LabNode
from scripts.run_options import PYTHON, ROOT, Options, RunError, Stopped, parse
from scripts.run_place import WEB_USER, WebUser, alone, check_ports, make_folders, share_with_web, web_user
from scripts.run_processes import Processes, end_leftovers, tied_to_us
from scripts.run_screen import Screen
from scripts.run_visits import panel_is_ready, sign_in_page

READY_PATIENCE_S = 120.0
#: What the web process (another user) and the worker (root) share, they share by group.
_UMASK = 0o007
_NO_NGINX = "nginx is not installed: no HTTPS and no common port; the interfaces listen on ports of their own"
_NEEDS_ROOT = "the lab node, its bootstrap and the demo site need root (namespaces, mounts, a bridge)"


class Run:
    """One `make run`, from its start to its end."""

    def __init__(self, options: Options, screen: Screen) -> None:
        self.options, self.screen = options, screen
        self.failure: RunError | None = None
        self.processes = Processes(options.var / "run", options.var / "log", lambda text: screen.say(text, "yellow"))
        self.manage = Manage(self.processes, options)
        self.lab = Lab(self.processes, options) if options.node and os.geteuid() == 0 else None

    def carry_out(self) -> None:
        """Start everything, show what there is, wait for the end (not with --check).

        Raises:
            Stopped: somebody wanted it to end.
            RunError: the panel does not start or ended by itself, or (with --check) something does not answer.
        """
        began = time.monotonic()
        with self._stopped_at_the_end():
            demo, server = self._start()
            self._fill(demo, server)
            self._summary(demo, server, time.monotonic() - began)
            if self.options.check:
                sign_in_page(self.options.port)
                if self.failure:
                    raise RunError("The check failed: see above.")
                return
            while True:
                self.processes.check()
                self.processes.stopping.wait(0.5)

    # The start

    def _start(self) -> tuple[Demo, LabNode | None]:
        """Boot the node while the database is brought up to date, then start web processes, nginx and worker."""
        booting = self.lab.begin() if self.lab else None
        user = web_user(self.options)
        facts = self._facts()
        share_with_web(self.options, user)
        self._start_web(user)
        self._start_front(user)
        server = None
        if self.lab and booting:
            with self.screen.step(f"lab node {self.options.node}: a Debian server with its own systemd") as step:
                server = self.lab.wait(booting, step)
                step.title = f"lab node {self.options.node} at {server.address}: a Debian server with its own systemd"
        with self.screen.step(f"web processes and worker at {self.options.url}"):
            self._start_worker()
            self.processes.wait_until(self._is_ready, READY_PATIENCE_S, "The panel did not get ready.")
        if user.is_other:
            self.screen.say(f"      the web processes run as {WEB_USER} and can't read the worker's keys")
        elif os.geteuid() == 0:
            self.screen.say(f"      the web processes are root's, as the worker: {user.reason}")
        if not self.options.nginx:
            self.screen.say(f"      {_NO_NGINX}", "yellow")
        return Demo(self.screen, self.manage, self.options, facts), server

    def _facts(self) -> dict[str, Any]:
        with self.screen.step("database and keys") as step:
            names = (DOMAIN, self.options.node_name, OPERATOR, PLAN, PERSON)
            facts: dict[str, Any] = self.manage.start("scripts/run_facts.py", *names)()
            if not facts["migrated"]:
                step.kept()
        return facts

    def _start_web(self, user: WebUser) -> None:
        argv = [PYTHON, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
        for name, interface in (("admin", "admin"), ("portal", "customer")):
            self.processes.start(name, argv, self.options.environment(interface), user.wrapper())

    def _start_front(self, user: WebUser) -> None:
        if self.options.nginx:
            argv = front_command(self.options, WEB_USER if user.is_other else "root")
            self.processes.start("front", argv, self.options.environment("command"), tied_to_us())

    def _start_worker(self) -> None:
        (self.options.var / "run" / "doorbell.sock").unlink(missing_ok=True)
        argv = [PYTHON, "manage.py", "worker"]
        self.processes.start("worker", argv, self.options.environment("worker"), tied_to_us())

    def _is_ready(self) -> bool:
        return (self.options.var / "run" / "doorbell.sock").exists() and panel_is_ready(self.options)

    # The contents

    def _fill(self, demo: Demo, server: LabNode | None) -> None:
        """Make what is missing; a failure is shown, and the panel stays for a look at it."""
        try:
            demo.people_and_plans()
            if server:
                demo.node(server)
                demo.site(server)
            elif self.options.node:
                self.screen.skip(_NEEDS_ROOT)
        except RunError as error:
            self.processes.check()
            show_error(self.screen, error)
            self.failure = error

    def _summary(self, demo: Demo, server: LabNode | None, seconds: float) -> None:
        say, outcome, line = self.screen.say, demo.outcome, self.options.manage_line
        say(f"\n{'Ready' if not self.failure else 'Not complete'} after {seconds:.1f} s.\n", "bold")
        for place, address, note in doors(self.options):
            say(f"  {place:<11} {address:<32}{note}".rstrip(), "bold")
        for who, password in ((OPERATOR, outcome.operator_password), (PERSON, outcome.person_password)):
            say(f"\n  sign in as  {who}   ({'console' if who == OPERATOR else 'portal'})")
            if password:
                say(f"  password    {password}   (shown only now: it is not stored in clear)")
            else:
                say(f"  password    unchanged; reset it with: {line('operator_password', who)}")
        if server:
            self._site_summary(demo, server)
        say(f"\n  commands    {line('help')}")
        say(f"  logs        {self.options.var}/log/admin.log, portal.log, worker.log, command.log")
        if not self.options.check:
            say("\nCtrl-C stops everything; data and the node's disk are kept for the next run.")

    def _site_summary(self, demo: Demo, server: LabNode) -> None:
        say, outcome = self.screen.say, demo.outcome
        if outcome.greeting:
            say(f"\n  demo site   curl -H 'Host: {DOMAIN}' http://{server.address}/")
            say(f"  its DNS     dig @{server.address} {DOMAIN}")
            say(f"  it says     {outcome.greeting.sentence} (visit {outcome.greeting.visits})")
        if outcome.database_password:
            say(f"  database    {outcome.database}, password {outcome.database_password}   (shown only now)")
        say(f"  the node    tests/lab/lab shell {server.number}")

    # The end

    @contextlib.contextmanager
    def _stopped_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            began = time.monotonic()
            self.screen.say("\nstopping …")
            self.processes.stop()
            trouble = self.lab.shut_down() if self.lab else ""
            self.screen.say(trouble if trouble else f"stopped after {time.monotonic() - began:.1f} s")


def show_error(screen: Screen, error: RunError) -> None:
    """Say what went wrong and what to do."""
    screen.say(f"      {error}".replace("\n", "\n      "), "red")
    if error.hint:
        screen.say(f"      {error.hint}")


def main(arguments: list[str]) -> int:
    """Exit status 0: it ended because somebody wanted it to (or the check passed), 1: it failed."""
    screen = Screen()
    os.umask(_UMASK)
    try:
        options = parse(arguments)
        make_folders(options)
        with alone(options):
            run = Run(options, screen)
            run.processes.listen_to_signals()
            end_leftovers(options.var / "run", screen.say)
            check_ports(options)
            run.carry_out()
    except Stopped:
        return 0
    except RunError as error:
        show_error(screen, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
