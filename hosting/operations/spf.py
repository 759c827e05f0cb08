"""Evaluates a domain's SPF record for an address (RFC 7208), as a server that receives its mail would."""

import ipaddress
from enum import StrEnum

from hosting.operations.dns_questions import Questions


class Spf(StrEnum):
    """What a receiver concludes."""

    PASS = "pass"  # noqa: S105 - a verdict
    NEUTRAL = "neutral"
    SOFTFAIL = "softfail"
    FAIL = "fail"
    NONE = "none"
    INVALID = "invalid"


_QUALIFIERS = {"+": Spf.PASS, "-": Spf.FAIL, "~": Spf.SOFTFAIL, "?": Spf.NEUTRAL}
#: Mechanisms that ask the DNS, at most (RFC 7208 §4.6.4).
_MOST = 10
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class _Invalid(Exception):
    """The record can't be evaluated."""


def evaluate(questions: Questions, domain: str, address: str) -> Spf:
    """Whether a domain's record lets an address send its mail.

    Raises:
        Silence: no answer from the DNS.
    """
    try:
        return _Evaluation(questions, ipaddress.ip_address(address)).of(domain)
    except (_Invalid, ValueError):
        return Spf.INVALID


class _Evaluation:
    def __init__(self, questions: Questions, address: _Address) -> None:
        self._questions, self._address, self._asked = questions, address, 0

    def of(self, domain: str) -> Spf:
        records = [text for text in self._questions.texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
        if not records:
            return Spf.NONE
        if len(records) > 1:
            raise _Invalid
        redirect = ""
        for term in records[0].split()[1:]:
            name, _equals, value = term.partition("=")
            if name.lower() == "redirect":
                redirect = value
            elif "=" in term and ":" not in name and "/" not in name:
                continue  # an explanation, or a modifier that nobody knows
            elif (verdict := self._verdict(term, domain)) is not None:
                return verdict
        return self._elsewhere(redirect) if redirect else Spf.NEUTRAL

    def _elsewhere(self, domain: str) -> Spf:
        self._count()
        found = self.of(_plain(domain))
        if found == Spf.NONE:
            raise _Invalid
        return found

    def _verdict(self, term: str, domain: str) -> Spf | None:
        """What a mechanism says of the address, None if it does not match."""
        qualifier = _QUALIFIERS.get(term[0])
        name, _colon, value = (term[1:] if qualifier else term).partition(":")
        name, _slash, length = name.lower().partition("/")
        if self._matches(name, value, length, domain):
            return qualifier or Spf.PASS
        return None

    def _matches(self, name: str, value: str, length: str, domain: str) -> bool:
        if name == "all":
            return True
        if name in ("ip4", "ip6"):
            return self._address in ipaddress.ip_network(value, strict=False)
        self._count()
        host, _slash, behind = value.partition("/")
        host, length = _plain(host or domain), length or behind
        if name == "include":
            found = self.of(host)
            if found == Spf.NONE:
                raise _Invalid
            return found == Spf.PASS
        if name == "a":
            return self._is_of(host, length)
        if name == "mx":
            return any(self._is_of(one, length) for one in self._questions.mail_hosts(host)[:_MOST] if one)
        if name == "exists":
            return bool(self._questions.addresses(host))
        if name == "ptr":
            return False  # RFC 7208 §5.5: do not use
        raise _Invalid

    def _is_of(self, host: str, length: str) -> bool:
        """Whether the address is one of a host's, or in a network of so many bits around one."""
        four, _slash, six = length.partition("//") if "//" in length else (length, "", "")
        bits = four if self._address.version == 4 else six
        for text in self._questions.addresses(host):
            if self._address in ipaddress.ip_network(f"{text}/{bits}" if bits else text, strict=False):
                return True
        return False

    def _count(self) -> None:
        self._asked += 1
        if self._asked > _MOST:
            raise _Invalid


def _plain(name: str) -> str:
    if "%" in name or not name:
        raise _Invalid  # a macro: it says something else for each message
    return name.lower().rstrip(".")
