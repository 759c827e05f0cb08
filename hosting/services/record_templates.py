"""Templates of records: kept by operators and resellers, put into zones with a look at what changes."""

from django.db import transaction

from accounts.models import Reseller
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.desired import addresses
from hosting.errors import HostingError
from hosting.models import Domain, Operation, RecordTemplate
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.services.zone_edits import Look, import_zone_file, look_at_import
from hosting.state.record_templates import check_template, filled
from hosting.texts import N_
from hosting.transactions import retried
from hosting.verbs import TEMPLATE_CHANGE, TEMPLATE_CREATE, TEMPLATE_DELETE


@transaction.atomic
def create_template(*, actor: Actor, name: str, text: str, reseller: Reseller | None = None) -> RecordTemplate:
    """Keep a template, of the operators' own or of a reseller.

    Raises:
        HostingError: ``invalid``, ``template_invalid``, or what is wrong with a line.
    """
    row = RecordTemplate(name=name.strip(), text=_text(text), reseller=reseller)
    check_template(row.text)
    save_valid(row)
    record(verb=TEMPLATE_CREATE, actor=actor, target=row, outcome=Outcome.SUCCEEDED, after=_shown(row))
    return row


@retried
def change_template(
    *, actor: Actor, template: RecordTemplate, name: str | None = None, text: str | None = None
) -> RecordTemplate:
    """Change a template. Zones that it was put into stay as they are.

    Raises:
        HostingError: as :func:`create_template`; ``not_found``.
    """
    row = reread(template, lock=True)
    before = _shown(row)
    row.name = row.name if name is None else name.strip()
    row.text = row.text if text is None else _text(text)
    check_template(row.text)
    save_valid(row)
    record(verb=TEMPLATE_CHANGE, actor=actor, target=row, outcome=Outcome.SUCCEEDED, before=before, after=_shown(row))
    return row


@retried
def delete_template(*, actor: Actor, template: RecordTemplate) -> None:
    """Forget a template. Zones that it was put into stay as they are.

    Raises:
        HostingError: ``not_found``.
    """
    row = reread(template, lock=True)
    target, before = Target.of(row), _shown(row)
    row.delete()
    record(verb=TEMPLATE_DELETE, actor=actor, target=target, outcome=Outcome.SUCCEEDED, before=before)


def apply_template(
    *,
    actor: Actor,
    domain: Domain,
    template: RecordTemplate,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Put a template's records into a zone, in place of those of the same names and types; others stay.

    Raises:
        HostingError: ``not_found`` (no template of the zone's owner), or as
            :func:`hosting.services.zone_edits.import_zone_file`.
    """
    return import_zone_file(
        actor=actor,
        domain=domain,
        text=text_for(domain, template),
        keep_others=True,
        wait_for_approval=wait_for_approval,
        reason=reason,
    )


def look_at_template(*, domain: Domain, template: RecordTemplate) -> Look:
    """What :func:`apply_template` would do, with the same refusals; nothing is saved."""
    return look_at_import(domain=domain, text=text_for(domain, template), keep_others=True)


def text_for(domain: Domain, template: RecordTemplate) -> str:
    """A template's records as a zone file for one domain.

    Raises:
        HostingError: ``not_found``: it is another reseller's.
    """
    if template.reseller_id not in (None, domain.service.customer.reseller_id):
        raise HostingError(N_("%(what)s is not there any more.", what=template.name), code="not_found")
    first = dict(reversed(addresses(domain.service.node)))
    return filled(template.text, {"domain": domain.name, "ip": first.get("A", ""), "ip6": first.get("AAAA", "")})


def _text(text: str) -> str:
    """Lines end the same way, whatever browser sent them."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip("\n")


def _shown(row: RecordTemplate) -> dict[str, object]:
    return {"name": row.name, "reseller": row.reseller_id, "text": row.text[:2000]}
