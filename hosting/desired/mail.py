"""Mail of a service's domains, its mailboxes and aliases."""

from collections.abc import Iterator
from datetime import date

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hosting.choices import DkimState
from hosting.desired.family import Family, not_adoptable
from hosting.desired.mail_certificates import mail_certificate_refs
from hosting.desired.mail_records import delivered_here, mail_of
from hosting.desired.zones import addresses
from hosting.dkim import public_text
from hosting.models import Autoreply, DkimKey, Domain, HostingService, MailAlias, Mailbox, MailDomain
from hosting.sealing import seal, unseal
from hosting.state import Change, Ref, Resource, Secret
from hosting.state import MailAlias as MailAliasResource
from hosting.state import Mailbox as MailboxResource
from hosting.state import MailDomain as MailDomainResource
from hosting.state.mail import Autoreply as AutoreplyState
from hosting.state.mail import DkimKey as SigningKey
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    for domain in service.domains.all():
        mail = mail_of(domain)
        if mail is not None:
            yield _mail_domain(service, domain, mail)
            yield from (_mailbox(service, domain, row) for row in mail.mailboxes.all())
            yield from (_alias(service, domain, row) for row in mail.aliases.all())


def mail_domain_refs(domain: Domain) -> list[Ref]:
    """The Resource of a domain's mail, if it is on, and what its certificate makes: MX records say where it goes."""
    if mail_of(domain) is None:
        return []
    return [Ref(MailDomainResource.kind, domain.name), *mail_certificate_refs(domain)]


def mail_refs(domain: Domain) -> list[Ref]:
    """All Resources of a domain's mail."""
    mail = mail_of(domain)
    if mail is None:
        return []
    boxes = [Ref(MailboxResource.kind, f"{row.local_part}@{domain.name}") for row in mail.mailboxes.all()]
    aliases = [Ref(MailAliasResource.kind, f"{row.local_part}@{domain.name}") for row in mail.aliases.all()]
    return [*mail_domain_refs(domain), *boxes, *aliases]


def _mail_domain(service: HostingService, domain: Domain, mail: MailDomain) -> MailDomainResource:
    signing = (key for key in mail.dkim_keys.all() if key.state == DkimState.ACTIVE)
    keys = (SigningKey(key.selector, Secret(unseal(key.private_key_sealed, _context(domain, key)))) for key in signing)
    return MailDomainResource(
        owner=service.username,
        name=domain.name,
        local=delivered_here(domain, mail, domain.records.all(), addresses(service.node)),
        catch_all=mail.catch_all,
        dkim=tuple(sorted(keys, key=lambda key: key.selector)),
        suspended=service.is_suspended,
        sends_per_hour=service.plan.mails_per_hour or 0,
    )


def _context(domain: Domain, key: DkimKey) -> str:
    return f"dkim:{domain.name}:{key.selector}"


def _mailbox(service: HostingService, domain: Domain, row: Mailbox) -> MailboxResource:
    answer = getattr(row, "autoreply", None)
    return MailboxResource(
        owner=service.username,
        domain=domain.name,
        local_part=row.local_part,
        home=service.home,
        password_hash=Secret(row.password_hash),
        quota_mb=row.quota_mb,
        locked=row.suspended or service.is_suspended,
        sends_per_hour=row.sends_per_hour,
        autoreply=None if answer is None else autoreply_state(answer),
        forward_to=tuple(row.forward_to),
        keep=row.keep,
    )


def autoreply_state(answer: Autoreply) -> AutoreplyState:
    """An automatic answer as a node knows it."""
    start, end = (day.isoformat() if day else "" for day in (answer.start, answer.end))
    return AutoreplyState(answer.subject, answer.body, start, end)


def _alias(service: HostingService, domain: Domain, row: MailAlias) -> MailAliasResource:
    return MailAliasResource(
        owner=service.username, domain=domain.name, local_part=row.local_part, targets=tuple(row.targets)
    )


def _adopt_domain(service: HostingService, found: Change) -> None:
    domain = service.domains.filter(name=found.key).first()
    if found.after is None:
        MailDomain.objects.filter(domain=domain).delete()
        return
    if domain is None or not isinstance(found.after, MailDomainResource):
        raise not_adoptable(found, N_("add the domain instead"))
    after = found.after
    limit = service.plan.mails_per_hour or 0
    if after.edited or after.suspended != service.is_suspended or after.sends_per_hour != limit:
        raise not_adoptable(found, N_("it was edited by hand, or its limits and suspension come from the service"))
    mail, _new = MailDomain.objects.update_or_create(domain=domain, defaults={"catch_all": after.catch_all})
    mail.dkim_keys.filter(state=DkimState.ACTIVE).exclude(selector__in=[key.selector for key in after.dkim]).delete()
    for key in after.dkim:
        _adopt_key(mail, domain, key)


def _adopt_key(mail: MailDomain, domain: Domain, key: SigningKey) -> None:
    private = load_pem_private_key(key.private_key.value.encode(), None)
    facts = {
        "public_key": public_text(private.public_key()),
        "private_key_sealed": seal(key.private_key.value, f"dkim:{domain.name}:{key.selector}"),
        "state": DkimState.ACTIVE,
        "retired_at": None,
    }
    DkimKey.objects.update_or_create(mail=mail, selector=key.selector, defaults=facts)


def _mail_at(service: HostingService, found: Change) -> tuple[MailDomain, str]:
    name, _at, host = found.key.rpartition("@")
    mail = MailDomain.objects.filter(domain__service=service, domain__name=host).first()
    if mail is None:
        raise not_adoptable(found, N_("mail is not on for its domain; adopt that first"))
    return mail, name


def _forget(service: HostingService, found: Change, model: type[Mailbox | MailAlias]) -> None:
    name, _at, host = found.key.rpartition("@")
    model.objects.filter(mail__domain__service=service, mail__domain__name=host, local_part=name).delete()


def _adopt_mailbox(service: HostingService, found: Change) -> None:
    after = found.after
    if after is None:
        _forget(service, found, Mailbox)
        return
    mail, name = _mail_at(service, found)
    if not isinstance(after, MailboxResource) or after.edited or (service.is_suspended and not after.locked):
        raise not_adoptable(found, N_("it was edited by hand, or its lock follows the service's suspension"))
    facts = {
        "password_hash": after.password_hash.value,
        "quota_mb": after.quota_mb,
        "sends_per_hour": after.sends_per_hour,
        "forward_to": list(after.forward_to),
        "keep": after.keep,
    }
    if not service.is_suspended:
        facts["suspended"] = after.locked
    box, _new = Mailbox.objects.update_or_create(mail=mail, local_part=name, defaults=facts)
    _adopt_answer(box, after.autoreply)


def _adopt_answer(box: Mailbox, answer: AutoreplyState | None) -> None:
    if answer is None:
        Autoreply.objects.filter(mailbox=box).delete()
        return
    start, end = (date.fromisoformat(day) if day else None for day in (answer.start, answer.end))
    facts = {"subject": answer.subject, "body": answer.body, "start": start, "end": end}
    Autoreply.objects.update_or_create(mailbox=box, defaults=facts)


def _adopt_alias(service: HostingService, found: Change) -> None:
    if found.after is None:
        _forget(service, found, MailAlias)
        return
    mail, name = _mail_at(service, found)
    if not isinstance(found.after, MailAliasResource) or found.after.edited:
        raise not_adoptable(found, N_("it was edited by hand"))
    MailAlias.objects.update_or_create(mail=mail, local_part=name, defaults={"targets": list(found.after.targets)})


FAMILY = Family(
    resources=_resources,
    prefetch=(
        "domains__records",
        "domains__mail__dkim_keys",
        "domains__mail__mailboxes__autoreply",
        "domains__mail__aliases",
    ),
    adopters={
        MailDomainResource.kind: _adopt_domain,
        MailboxResource.kind: _adopt_mailbox,
        MailAliasResource.kind: _adopt_alias,
    },
)
