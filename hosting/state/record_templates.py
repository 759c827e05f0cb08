"""Templates of records: a text in the form of a zone file, with words that each zone puts its own values in for."""

import re
from collections.abc import Mapping

from hosting.errors import HostingError, UnsafeValue
from hosting.state.resources import DnsZone
from hosting.state.zone_files import read
from hosting.texts import N_

#: What the words stand for: the domain, and the first address of its node of either kind.
WORDS = ("domain", "ip", "ip6")
MAX_CHARACTERS = 20_000
_WORD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
#: Values to try a template with.
_TRIED = {"domain": "example.com", "ip": "192.0.2.1", "ip6": "2001:db8::1"}


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text for one zone. A line with a word that has no value there is left out: not every node has IPv6."""
    return "\n".join(_line(line, values) for line in text.split("\n"))


def check_template(text: str) -> None:
    """Refuse a text that would make no records anywhere.

    Raises:
        HostingError: ``template_invalid`` (a word that stands for nothing, no records), or what is wrong with a line.
    """
    if _CONTROL.search(text):
        raise UnsafeValue(N_("The template holds a control character."))
    unknown = next((word for word in _WORD.findall(text) if word not in WORDS), None)
    if unknown is not None:
        raise HostingError(
            N_("%(word)s stands for nothing.", word=f"{{{unknown}}}"),
            code="template_invalid",
            hint=N_("There are {domain}, {ip} and {ip6}."),
            field="text",
        )
    name = _TRIED["domain"]
    if not read(filled(text, _TRIED), DnsZone("al", name, f"ns1.{name}", f"hostmaster.{name}")).records:
        raise HostingError(
            N_("The template has no records."),
            code="template_invalid",
            hint=N_("Write a line for each: name, TTL, IN, type, content."),
            field="text",
        )


def _line(line: str, values: Mapping[str, str]) -> str:
    if any(not values.get(word) for word in _WORD.findall(line)):
        return ""
    return _WORD.sub(lambda found: values[found[1]], line)
