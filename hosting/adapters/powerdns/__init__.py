"""PowerDNS: authoritative zones through its HTTP API on the node's loopback."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from hosting.adapters.base import Adapter, NodeFacts, Scope, register, removed_path
from hosting.adapters.powerdns import questions, setup, signing, zones
from hosting.adapters.powerdns.api import call, content, expect, is_missing, purge
from hosting.connections.base import Context, Request, Run, Steps, Tcp
from hosting.errors import CommandFailed, ConfigurationInvalid, HostingError, ProbeFailed
from hosting.state import Change, DnsZone, NodeFile, Resource
from hosting.state.zones import check_zone
from hosting.texts import N_, NOTHING

_OWNER = re.compile(r"[a-z][a-z0-9]*")
_ATTEMPTS = 3
_START_ATTEMPTS = 50


@register
class PowerDns(Adapter):
    """Zones of kind Native; a zone's ``account`` says whose it is, and one without is none of NPanel's."""

    kind = "powerdns"
    handles: ClassVar[tuple[type[Resource], ...]] = (DnsZone,)
    owns = ("/etc/powerdns", "/var/lib/powerdns")

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return setup.node_resources(facts)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """One round for zones asked for by name; two (the list, then all its zones at once) otherwise."""
        if not scope.wants(DnsZone.kind):
            return ()
        names = scope.keys(DnsZone.kind)
        if names is None:
            names = yield from _names_of(scope.owner)
        replies = (yield [call("GET", f"/zones/{name}.") for name in names]) if names else []
        found = [zones.to_zone(content(reply)) for reply in replies if not is_missing(reply)]
        return tuple(zone for zone in found if _OWNER.fullmatch(zone.owner) and scope.covers(zone))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """One round to make a zone, two to change or remove one (it is looked at first); a few more where keys are.

        Keys never leave with their zone: what is removed is kept aside, and comes back with the same ``removed_id``,
        because a DS record that somebody's parent zone has names just these keys.

        Raises:
            HostingError: ``zone_taken`` when the zone is there and belongs to somebody else.
            ZoneInvalid: the zone would not work.
        """
        zone = change.resource
        if not isinstance(zone, DnsZone):
            raise TypeError(f"{change.ref} is no DNS zone")
        if not _OWNER.fullmatch(zone.owner):
            raise HostingError(N_("%(owner)s cannot own a zone.", owner=repr(zone.owner)), code="owner_invalid")
        kept = signing.kept_at(removed_path(context, change.ref))
        if change.after is None:
            yield from _remove(zone, kept)
            return
        check_zone(zone)
        if change.before is not None or not (yield from _made(zone)):
            yield from _update(zone, kept)
        elif zone.signed:
            yield from signing.sign(zone.name, kept, shared=bool(zone.transfers))

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Zones are checked by the API; a new configuration is checked by the server's own program."""
        if not _configures(changes):
            return
        try:
            yield [Run(("/usr/sbin/pdns_server", f"--config-dir={setup.CONFIGURATION_DIRECTORY}", "--config=check"))]
        except CommandFailed as error:
            raise ConfigurationInvalid(error.detail_text, path=setup.CONFIGURATION) from error

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Zone changes are served at once (the API empties the caches); a new configuration takes a restart."""
        if not _configures(changes):
            return
        yield [Run(("systemctl", "daemon-reload")), Run(("systemctl", "restart", setup.UNIT))]
        yield from _wait_for_api()

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Ask the name server for the SOA and one record, as a resolver does.

        Raises:
            ProbeFailed: no authoritative answer, or another one than the zone says.
        """
        if not isinstance(resource, DnsZone):
            return ""
        address = setup.listen_addresses(facts)[0]
        problem = NOTHING
        for _ in range(_ATTEMPTS):
            try:
                replies = yield [_question(address, resource, *asked) for asked in questions.questions(resource)]
            except HostingError as error:
                problem = error.detail_text
                continue
            answers = [reply.stdout for reply in replies]
            if not (problem := questions.complaint(resource, answers)):
                said = f"{resource.name} SOA serial {questions.serial_of(answers[0])} from {address}"
                return "; ".join([said, *questions.ds_records(resource, answers)])
        raise ProbeFailed(
            N_(
                "%(address)s does not answer for %(name)s: %(problem)s.",
                address=address,
                name=resource.name,
                problem=problem,
            )
        )


def _names_of(owner: str | None) -> Steps[list[str]]:
    replies = yield [call("GET", "/zones?dnssec=false")]
    listed = content(replies[0])
    mine = [zone["name"].removesuffix(".") for zone in listed if owner is None or zone["account"] == owner]
    return sorted(mine) if owner is not None else sorted(z["name"].removesuffix(".") for z in listed if z["account"])


def _made(zone: DnsZone) -> Steps[bool]:
    """Make a zone; False when one of that name is there already.

    A name that was asked for before is in the packet cache as REFUSED, and making a zone (unlike changing one) does not
    empty that cache, whose entries live 20 seconds.
    """
    replies = yield [call("POST", "/zones?rrsets=false", zones.creation(zone)), purge(zone.name)]
    if replies[0].status == 409:
        return False
    expect(replies[0], 201)
    return True


def _update(zone: DnsZone, kept: str) -> Steps[None]:
    current = yield from _own(zone)
    if current is None:
        raise HostingError(
            N_("The zone %(name)s is gone.", name=zone.name),
            code="zone_missing",
            hint=N_("Plan again: it has to be made."),
            permanent=False,
        )
    path = f"/zones/{zone.name}."
    requests: list[Request] = []
    if zone.signed != zones.is_signed(current):
        if zone.signed:
            yield from signing.sign(zone.name, kept, shared=zones.is_shared(current))
        else:
            yield from signing.unsign(zone.name, current, kept)
        current = (yield from _own(zone)) or current  # with the serial that it has now
    if zones.changed_settings(current) or zones.is_shared_otherwise(current, zone):
        wanted = zones.settings(signed=zone.signed, shared=bool(zone.transfers)) | zones.sharing(zone)
        requests.append(call("PUT", path, wanted))
    if changes := zones.differences(current, zone):
        requests.append(call("PATCH", path, {"rrsets": changes}))
    # Secondaries are told at once. That they could not be is no failure: the server itself tells them again.
    told = [call("PUT", f"{path}/notify")] if requests and zone.transfers else []
    for reply in (yield [*requests, *told])[: len(requests)] if requests else ():
        expect(reply, 204)


def _remove(zone: DnsZone, kept: str) -> Steps[None]:
    current = yield from _own(zone)
    if current is None:
        return
    if zones.is_signed(current):
        yield from signing.keep(zone.name, kept)
    replies = yield [call("DELETE", f"/zones/{zone.name}.")]
    if not is_missing(replies[0]):
        expect(replies[0], 204)


def _own(zone: DnsZone) -> Steps[dict[str, Any] | None]:
    """The zone as it is, None if it is not there.

    Raises:
        HostingError: it is somebody else's.
    """
    replies = yield [call("GET", f"/zones/{zone.name}.")]
    if is_missing(replies[0]):
        return None
    current: dict[str, Any] = content(replies[0])
    if current["account"] != zone.owner:
        detail = N_(
            "The zone %(name)s is on the name server already and belongs to %(account)s.",
            name=zone.name,
            account=current["account"] or N_("nobody"),
        )
        raise HostingError(detail, code="zone_taken", hint=N_("Remove it there, or choose another domain."))
    return current


def _wait_for_api() -> Steps[None]:
    for attempt in range(_START_ATTEMPTS):
        try:
            replies = yield [call("GET", "")]
            expect(replies[0], 200)
            return
        except HostingError:
            if attempt == _START_ATTEMPTS - 1:
                raise
            yield [Run(("sleep", "0.1"))]


def _configures(changes: Sequence[Change]) -> bool:
    return any(isinstance(change.resource, NodeFile) for change in changes)


def _question(address: str, zone: DnsZone, name: str, type: str) -> Tcp:
    return Tcp(address, 53, questions.ask(name, type, signed=zone.signed), udp=True, timeout=3.0)
