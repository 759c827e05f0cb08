"""Mail domains and aliases as the text of their files, and the text (whoever wrote it) as what it stands for."""

import re
from collections.abc import Mapping
from dataclasses import replace

from hosting.adapters import _mail
from hosting.adapters._edited import edit_of
from hosting.adapters._values import checked, number_checked
from hosting.errors import UnsafeValue
from hosting.state import DkimKey, MailAlias, MailDomain, Secret
from hosting.state.mail import MAX_TARGETS, SELECTOR
from hosting.texts import N_, plain

_PRIVATE_KEY = re.compile(
    r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----\n(?:[A-Za-z0-9+/]{1,76}={0,2}\n){1,200}-----END \1-----\n"
)
#: Recipients an hour at most, where there is a limit.
MAX_SENDS = 1_000_000


def directory_of(domain: str) -> str:
    """Where everything of a domain lies."""
    return f"{_mail.DOMAINS}/{_mail.domain_checked(domain)}"


def index_of(domain: MailDomain) -> str:
    """The empty file that says the domain is among its owner's."""
    return f"{_mail.OWNERS}/{_mail.owner_checked(domain.owner)}/{_mail.domain_checked(domain.name)}"


def path_of(alias: MailAlias) -> str:
    """The alias's file."""
    return f"{directory_of(alias.domain)}/aliases/{_mail.local_part_checked(alias.local_part)}"


def render_domain(domain: MailDomain) -> str:
    """The domain's settings.

    Raises:
        UnsafeValue: a value must not reach a configuration file.
    """
    _mail.domain_checked(domain.name)
    selectors = [checked(key.selector, SELECTOR, N_("selector")) for key in domain.dkim]
    return _mail.settings_text(
        {
            "owner": _mail.owner_checked(domain.owner),
            "local": _mail.yes_or_no(domain.local),
            "suspended": _mail.yes_or_no(domain.suspended),
            "catch_all": _mail.address_checked(domain.catch_all) if domain.catch_all else "",
            "sends_per_hour": str(number_checked(domain.sends_per_hour, 0, MAX_SENDS, plain("sends_per_hour"))),
            "selectors": " : ".join(selectors),
        }
    )


def key_text(key: DkimKey) -> str:
    """A private key as its file holds it.

    Raises:
        UnsafeValue: it is not in PEM form.
    """
    if not _PRIVATE_KEY.fullmatch(key.private_key.value):
        raise UnsafeValue(N_("The DKIM key %(name)s is not in PEM form.", name=key.selector))
    return key.private_key.value


def parse_domain(name: str, text: str, keys: Mapping[str, str]) -> MailDomain:
    """The domain that its files stand for.

    Args:
        name: as the directory's name says. text: the settings. keys: what lies beside them, by selector.
    """
    values = _mail.settings_of(text)
    named = [selector for selector in values.get("selectors", "").split(" : ") if selector]
    domain = MailDomain(
        owner=values.get("owner", ""),
        name=name,
        local=values.get("local") == "yes",
        catch_all=values.get("catch_all", ""),
        dkim=tuple(DkimKey(selector, Secret(keys.get(selector, ""))) for selector in named),
        suspended=values.get("suspended") == "yes",
        sends_per_hour=_mail.number(values.get("sends_per_hour", "")),
    )
    try:
        ours = render_domain(domain)
    except UnsafeValue:
        ours = ""
    if ours == text and set(named) == set(keys):
        return domain
    return replace(domain, edited=edit_of(text, ours) if ours != text else "keys: " + " ".join(sorted(keys)))


def render_alias(alias: MailAlias) -> str:
    """The alias's file.

    Raises:
        UnsafeValue: an address is none, or there is none.
    """
    if not 1 <= len(alias.targets) <= MAX_TARGETS:
        raise UnsafeValue(N_("The alias %(name)s leads to no address, or to too many.", name=alias.key))
    targets = ", ".join(map(_mail.address_checked, alias.targets))
    return _mail.settings_text({"owner": _mail.owner_checked(alias.owner), "targets": targets})


def parse_alias(domain: str, local_part: str, text: str) -> MailAlias:
    """The alias that a file stands for."""
    values = _mail.settings_of(text)
    targets = tuple(target for target in values.get("targets", "").split(", ") if target)
    alias = MailAlias(owner=values.get("owner", ""), domain=domain, local_part=local_part, targets=targets)
    try:
        ours = render_alias(alias)
    except UnsafeValue:
        ours = ""
    return alias if ours == text else replace(alias, edited=edit_of(text, ours))
