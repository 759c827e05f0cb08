"""What a mailbox and an alias cost, however many mail domains are on the node; and that no daemon is told of them."""

import secrets
import statistics
from collections.abc import Iterator

from tests.bench.panel import BenchPanel, panel, timed

_SIZES = (10, 100, 1000)
_EACH = 7


def figures() -> Iterator[tuple[str, float]]:
    """Seconds from asked to proven at each size, growth from the smallest to the largest, restarts and reloads."""
    with panel() as bench:
        mail = _mail(bench)
        before, times = _daemons(bench), {}
        for size in _SIZES:
            _fill(bench, size)
            times[size] = _round(bench, mail, size)
            yield f"mail.mailbox_{size}_s", times[size][0]
            yield f"mail.alias_{size}_s", times[size][1]
        yield "hosting.mailbox_s", times[_SIZES[0]][0]
        small, large = times[_SIZES[0]], times[_SIZES[-1]]
        yield "mail.mailbox.growth", large[0] / small[0]
        yield "mail.alias.growth", large[1] / small[1]
        yield "mail.reloads", float(_daemons(bench) != before)


def _mail(bench: BenchPanel) -> "object":
    """Mail of a service's domain."""
    from hosting.models import Domain, MailDomain
    from hosting.services.mail import enable_mail

    bench.plan.mailboxes = None
    bench.plan.save()
    bench.proven(bench.run(bench.ask(0)))
    domain = Domain.objects.get()
    bench.proven(bench.run(enable_mail(actor=bench.actor, domain=domain)))
    return MailDomain.objects.get(domain=domain)


def _round(bench: BenchPanel, mail: "object", size: int) -> tuple[float, float]:
    """Median seconds of a mailbox and of an alias, each asked to proven."""
    from hosting.services.mail_aliases import create_alias
    from hosting.services.mailboxes import create_mailbox

    boxes, aliases = [], []
    for number in range(_EACH):
        common = {"actor": bench.actor, "mail": mail}
        box = {**common, "local_part": f"box{size}-{number}", "password": secrets.token_urlsafe(16)}
        alias = {**common, "local_part": f"alias{size}-{number}", "targets": ["somebody@example.net"]}
        boxes.append(timed(lambda box=box: bench.proven(bench.run(create_mailbox(**box))))[0])
        aliases.append(timed(lambda alias=alias: bench.proven(bench.run(create_alias(**alias))))[0])
    return statistics.median(boxes), statistics.median(aliases)


def _fill(bench: BenchPanel, size: int) -> None:
    """Have so many mail domains on the node, with a mailbox each: straight onto it, as other services'."""
    from hosting.operations.nodes import connect
    from hosting.state import Mailbox, MailDomain, Secret, SystemUser, plan, state_of
    from tests.contract.contract import carry_out

    crowd, hashed = SystemUser("crowd", "/home/crowd"), Secret("$6$benchmark$" + "a" * 86)
    wanted = state_of([crowd])
    there = len(bench.lab_node.exec(["ls", "/etc/npanel/mail/domains"], check=True).stdout.split())
    for number in range(there, size):
        name = f"crowd{number}.test"
        wanted |= state_of([MailDomain("crowd", name), Mailbox("crowd", name, "info", "/home/crowd", hashed)])
    carry_out(connect(bench.node), plan(state_of([crowd]) if there > 1 else {}, wanted))


def _daemons(bench: BenchPanel) -> str:
    """When the mail daemons were started and told anything."""
    shown = "--property=MainPID,ActiveEnterTimestampMonotonic,NRestarts"
    logged = ["journalctl", "-q", "-u", "dovecot", "-u", "exim4", "--grep=SIGHUP|[Rr]eload"]
    states = bench.lab_node.exec(["systemctl", "show", "exim4", "dovecot", shown], check=True).stdout
    return states + bench.lab_node.exec(logged).stdout
