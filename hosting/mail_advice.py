"""The findings of a deliverability check in plain words: what is so, and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

GOOD, WARN, BAD, UNKNOWN = "good", "warn", "bad", "info"

#: What each check is called, in the order in which they are shown.
TITLES = {
    "mx": _("Where its mail goes (MX)"),
    "spf": _("Who may send its mail (SPF)"),
    "dkim": _("Signature (DKIM)"),
    "dmarc": _("What others do with forged mail (DMARC)"),
    "rdns": _("The server's name (reverse DNS)"),
    "tls": _("Encryption"),
    "blocklist": _("Blocklists"),
}
_SILENT = (UNKNOWN, _("The look-up got no answer."), _("That says nothing about your mail. Check again in a moment."))
_NOTHING_TO_DO = ""

#: By check and verdict: how good it is, what is so, and what to do.
_WORDS: dict[tuple[str, str], tuple[str, Any, Any]] = {
    ("mx", "here"): (GOOD, _("Mail to the domain arrives here: %(hosts)s."), _NOTHING_TO_DO),
    ("mx", "elsewhere_meant"): (GOOD, _("Mail to the domain goes to %(hosts)s, as you want it."), _NOTHING_TO_DO),
    ("mx", "elsewhere"): (
        BAD, _("Mail to the domain goes to %(hosts)s, not here."),
        _("Set the MX record to a name that leads to %(addresses)s, or say that mail is delivered elsewhere."),
    ),
    ("mx", "missing"): (
        BAD, _("The domain has no MX record, so others can't send mail to it."),
        _("Add an MX record to a name that leads to %(addresses)s, where the domain's DNS is managed."),
    ),
    ("spf", "good"): (GOOD, _("The domain says that %(address)s may send its mail."), _NOTHING_TO_DO),
    ("spf", "missing"): (
        BAD, _("The domain does not say who may send its mail."),
        _("Add the TXT record “v=spf1 mx ip4:%(address)s ~all” to the domain."),
    ),
    ("spf", "refused"): (
        BAD, _("The domain says that %(address)s may not send its mail: %(record)s"),
        _("Add ip4:%(address)s (or ip6:) to that record, before its “all”."),
    ),
    ("spf", "invalid"): (
        BAD, _("The domain's SPF record can't be evaluated: %(record)s"),
        _("Leave one record that begins with v=spf1, with at most ten look-ups."),
    ),
    ("dkim", "good"): (GOOD, _("What the server signs is verified by the key in the DNS (%(name)s)."), _NOTHING_TO_DO),
    ("dkim", "missing"): (
        BAD, _("Others find no key at %(name)s, so they can't verify the signature."),
        _("Copy the domain's DKIM record to where its DNS is managed."),
    ),
    ("dkim", "differs"): (
        BAD, _("The key at %(name)s is not the one that the server signs with."),
        _("Replace the record there by the one of this domain. After a new key, wait until the old one is forgotten."),
    ),
    ("dkim", "no_key"): (
        BAD, _("The server has no key of the selector %(selector)s, so mail leaves unsigned."),
        _("Apply the service again, so that the server has what is wanted."),
    ),
    ("dmarc", "good"): (GOOD, _("There is a policy: %(record)s"), _NOTHING_TO_DO),
    ("dmarc", "missing"): (
        WARN, _("There is no policy at %(name)s. Large providers refuse bulk mail without one."),
        _("Add the TXT record “v=DMARC1; p=none” there."),
    ),
    ("dmarc", "invalid"): (
        BAD, _("The policy can't be read: %(record)s"),
        _("Leave one record that begins with v=DMARC1 and has p=none, p=quarantine or p=reject."),
    ),
    ("rdns", "good"): (GOOD, _("%(address)s is called %(host)s, as the server greets."), _NOTHING_TO_DO),
    ("rdns", "missing"): (
        BAD, _("%(address)s has no name. Many servers refuse mail from such addresses."),
        _("Whoever runs the server sets the reverse DNS of %(address)s to %(host)s, at its provider."),
    ),
    ("rdns", "other_name"): (
        WARN, _("%(address)s is called %(names)s, but the server greets as %(host)s."),
        _("Whoever runs the server sets the reverse DNS of %(address)s to %(host)s, at its provider."),
    ),
    ("rdns", "not_back"): (
        BAD, _("%(address)s is called %(host)s, but that name does not lead back to it."),
        _("Whoever runs the server adds an address record for %(host)s."),
    ),
    ("tls", "good"): (GOOD, _("Port %(port)s encrypts, with a certificate that is trusted."), _NOTHING_TO_DO),
    ("tls", "untrusted"): (
        WARN, _("Port %(port)s encrypts, with a certificate that mail programs do not trust for %(host)s."),
        _("Whoever runs the server gives it a certificate for %(host)s."),
    ),
    ("tls", "no_tls"): (
        BAD, _("Port %(port)s does not encrypt."), _("Whoever runs the server looks at Exim's certificate and log."),
    ),
    ("tls", "closed"): (
        BAD, _("Port %(port)s of %(address)s does not answer."),
        _("Whoever runs the server looks whether Exim runs, and whether a firewall shuts the port."),
    ),
    ("blocklist", "good"): (GOOD, _("%(address)s is not on %(zone)s."), _NOTHING_TO_DO),
    ("blocklist", "listed"): (
        BAD, _("%(address)s is on the blocklist %(zone)s (%(codes)s)."),
        _("Whoever runs the server finds who sent the unwanted mail, stops it, then asks the list to be taken off."),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding in words: ``tone`` is good, warn, bad, or info where nobody can tell."""

    check: str
    title: str
    tone: str
    text: str
    advice: str

    def facts(self) -> dict[str, str]:
        """JSON-ready form."""
        return {"check": self.check, "title": self.title, "tone": self.tone, "text": self.text, "advice": self.advice}


def advice_on(findings: Iterable[Mapping[str, Any]]) -> list[Advice]:
    """Findings of :mod:`hosting.operations.mail_check` in words, in the reader's language."""
    told = [_told(finding) for finding in findings]
    order = list(TITLES)
    return sorted(told, key=lambda advice: order.index(advice.check))


def overall(advice: Iterable[Advice]) -> str:
    """The worst of the tones."""
    tones = {one.tone for one in advice}
    return next((tone for tone in (BAD, WARN, UNKNOWN) if tone in tones), GOOD)


def _told(finding: Mapping[str, Any]) -> Advice:
    name, facts = str(finding["check"]), finding["facts"]
    tone, text, advice = _WORDS.get((name, str(finding["verdict"])), _SILENT)
    return Advice(name, str(TITLES[name]), tone, str(text) % facts, str(advice) % facts)
