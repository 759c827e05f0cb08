"""Host names of name servers that a reseller has domains delegated to."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

FEWEST, MOST, LONGEST = 2, 8, 190
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")


def words_of(text: str) -> list[str]:
    """The names in their one spelling: lower case, without a dot at the end."""
    return [word.lower().rstrip(".") for word in text.replace(",", " ").split(" ") if word]


def validate_name_servers(text: str) -> None:
    """Two to eight host names, each once (a zone has two at least: RFC 1034 §4.1).

    Raises:
        ValidationError: they are not.
    """
    names = words_of(text)
    wrong = next((name for name in names if len(name) > LONGEST or not _HOST.fullmatch(name)), None)
    if wrong is not None:
        raise ValidationError(_("%(name)s is no host name."), params={"name": repr(wrong[:60])})
    if len(set(names)) < len(names) or not FEWEST <= len(names) <= MOST:
        raise ValidationError(
            _("Name %(fewest)d to %(most)d different name servers, or none."), params={"fewest": FEWEST, "most": MOST}
        )
