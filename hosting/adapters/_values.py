"""What may be written into a file on a node: every value passes here before it is rendered or used as a path."""

import re
from collections.abc import Iterable
from typing import TypeVar

from hosting.errors import UnsafeValue
from hosting.state import Resource
from hosting.texts import N_, Text

R = TypeVar("R", bound=Resource)

#: Characters that end a line for some reader: CR, LF, NUL, VT, FF, NEL, LINE and PARAGRAPH SEPARATOR.
_LINE_ENDS = frozenset("\r\n\0\x0b\x0c\x85\u2028\u2029")

#: A service's Linux user. No dot and no hyphen, so that it can start the names of files, databases and pools.
OWNER = re.compile(r"[a-z][a-z0-9]{0,31}")
#: A host name of RFC 1123 §2.1 in lower case, at least two labels.
HOST_NAME = re.compile(r"(?!.{254})(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
#: A host name, or a wildcard for one label and more below it.
SITE_NAME = re.compile(rf"(?:\*\.)?{HOST_NAME.pattern}")
_COMPONENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]{1,255}"
#: A relative path of plain components, none of them ``.`` or ``..``.
RELATIVE_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
#: An absolute path of plain components.
ABSOLUTE_PATH = re.compile(rf"(?:/{_COMPONENT})+")
#: A PHP version as Debian names its folders.
PHP_VERSION = re.compile(r"[5-9]\.[0-9]{1,2}")


def checked(value: str, grammar: re.Pattern[str], what: Text) -> str:
    """The value itself, if it is one line and wholly of its grammar.

    Args:
        value: what is about to be written.
        grammar: must match from the first to the last character (``re.fullmatch``).
        what: the value's name, for the error.

    Raises:
        UnsafeValue: it holds a line end or NUL, or does not match.
    """
    if not _LINE_ENDS.isdisjoint(value) or grammar.fullmatch(value) is None:
        raise UnsafeValue(
            N_("%(what)s %(value)s can't be written to a node", what=what, value=repr(value)),
            hint=N_("Correct the value and try again."),
        )
    return value


def all_checked(values: Iterable[str], grammar: re.Pattern[str], what: Text) -> tuple[str, ...]:
    """All values, each as :func:`checked`."""
    return tuple(checked(value, grammar, what) for value in values)


def number_checked(value: int, low: int, high: int, what: Text) -> int:
    """The number itself, if it lies within its limits.

    Raises:
        UnsafeValue: it does not.
    """
    if isinstance(value, bool) or not low <= value <= high:
        raise UnsafeValue(
            N_(
                "%(what)s %(value)s is not between %(low)s and %(high)s",
                what=what,
                value=repr(value),
                low=low,
                high=high,
            )
        )
    return value


def home_checked(home: str, owner: str) -> str:
    """The home directory's path, if it is absolute and its last component is the owner.

    Raises:
        UnsafeValue: it is not.
    """
    checked(home, ABSOLUTE_PATH, N_("home"))
    if home.rpartition("/")[2] != checked(owner, OWNER, N_("owner")) or home.count("/") < 2:
        raise UnsafeValue(N_("home %(home)s is not a directory of %(owner)s's own", home=repr(home), owner=owner))
    return home


def of_type(kind: type[R], resource: Resource) -> R:
    """The Resource itself, as what it must be.

    Raises:
        TypeError: it is of another kind, so the adapter was asked for something it does not handle.
    """
    if not isinstance(resource, kind):
        raise TypeError(f"{resource.ref} is no {kind.__name__}")
    return resource
