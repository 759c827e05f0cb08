"""Reads a zone file (RFC 1035 §5.1) line by line into its entries; no file is opened, nothing grows without end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.ttl

from hosting.errors import HostingError
from hosting.state.records import RECORD_TYPES
from hosting.texts import N_, NOTHING, Text, plain

#: Bytes of a text that is read at all; the largest zone takes about this much.
MAX_BYTES = 1024 * 1024
#: Entries of one text, and how many of them ``$GENERATE`` may make.
MAX_ENTRIES, MAX_GENERATED = 12_000, 1_000
#: The TTL where neither the line, ``$TTL``, a line before nor the SOA says one.
DEFAULT_TTL = 3600
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_CODEC = dns.name.IDNA_2008_UTS_46
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})(?:/([0-9]{1,9}))?")
#: ``$``, ``${offset}``, ``${offset,width}`` or ``${offset,width,base}``; a dollar sign itself is ``\$`` or ``$$``.
_PLACE = re.compile(r"\\\$|\$\$|\$\{(-?[0-9]{1,9})(?:,([0-9]{1,2})(?:,([doxX]))?)?\}|\$(?!\{)")
_LONGEST_TEMPLATE = 1_000
#: Types that only some name servers have, and that their exports hold.
_ELSEWHERE = frozenset({"ALIAS", "ANAME", "LUA", "URLFWD"})
_WORDS_OF_A_CLASS = frozenset({"IN", "CH", "CHAOS", "HS", "HESIOD", "ANY", "NONE"})


class ZoneFileInvalid(HostingError):
    """A zone file can't be read. The sentence names the line."""

    code = "zone_file_invalid"

    def __init__(self, reason: Text, *, line: int = 0, code: str = "", hint: Text = NOTHING) -> None:
        detail = N_("Line %(line)s: %(reason)s", line=line, reason=reason) if line else reason
        super().__init__(detail, code=code, hint=hint, field="text")
        self.line = line


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as the file has it.

    Args:
        line: where it begins. name: absolute, without trailing dot, lower-case.
        type: in capitals, perhaps one that nobody knows. content: with absolute names; "" where the type is not kept.
    """

    line: int
    name: str
    type: str
    content: str
    ttl: int


def entries(text: str, zone: str) -> Iterator[Entry]:
    """The entries of a zone file, in its order.

    Args:
        zone: what names are relative to, until ``$ORIGIN`` says otherwise.

    Raises:
        ZoneFileInvalid: with the line.
    """
    return _Reader(_checked(text), zone).read()


def _checked(text: str) -> str:
    if len(text.encode()) > MAX_BYTES:
        hint = N_("A zone file may have %(most)s KiB.", most=MAX_BYTES // 1024)
        raise ZoneFileInvalid(N_("The text is too long."), code="zone_file_too_large", hint=hint)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if found := _UNSAFE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ZoneFileInvalid(N_("there is a control character."), line=line, code="unsafe_value")
    return text


class _Reader:
    """The state of RFC 1035 §5.1: origin, last name, last TTL."""

    def __init__(self, text: str, zone: str) -> None:
        self._tokens = dns.tokenizer.Tokenizer(text, idna_codec=_CODEC)
        self._origin = dns.name.from_text(zone)
        self._name: dns.name.Name | None = None
        self._default: int | None = None
        self._last: int | None = None
        self._minimum: int | None = None
        self._count = self._generated = 0

    def read(self) -> Iterator[Entry]:
        try:
            while not (token := self._tokens.get(want_leading=True)).is_eof():
                if token.is_eol():
                    continue
                for entry in self._line(token):
                    self._count += 1
                    self._check_count()
                    yield entry
        except (dns.exception.DNSException, UnicodeError, ValueError) as error:
            raise ZoneFileInvalid(plain(str(error) or type(error).__name__), line=self._where) from error

    @property
    def _where(self) -> int:
        return int(self._tokens.where()[1])

    def _check_count(self) -> None:
        if self._count > MAX_ENTRIES:
            raise ZoneFileInvalid(N_("there are too many records."), line=self._where, code="zone_too_large")

    def _line(self, token: dns.tokenizer.Token) -> Iterator[Entry]:
        if token.is_identifier() and token.value.startswith("$"):
            return self._directive(token.value.upper())
        return self._record(token)

    def _directive(self, word: str) -> Iterator[Entry]:
        if word == "$GENERATE":
            yield from self._generate()
            return
        if word == "$ORIGIN":
            self._origin = self._tokens.get_name(self._origin)
        elif word == "$TTL":
            self._default = dns.ttl.from_text(self._tokens.get_string())
        else:
            hint = N_("Put all records into one text; $ORIGIN, $TTL and $GENERATE are understood.")
            raise ZoneFileInvalid(
                N_("%(word)s is not followed.", word=word[:20]), line=self._where, code="zone_file_directive", hint=hint
            )
        self._tokens.get_eol()

    def _record(self, token: dns.tokenizer.Token) -> Iterator[Entry]:
        line = self._where
        if not token.is_whitespace():
            self._name = self._tokens.as_name(token, self._origin)
        else:
            token = self._tokens.get()
            if token.is_eol_or_eof():
                return
            self._tokens.unget(token)
        if self._name is None:
            raise ZoneFileInvalid(N_("there is no name to belong to."), line=line)
        ttl, kind = self._ttl_and_type(line)
        yield self._entry(line, self._name, kind, self._content(kind), ttl)

    def _ttl_and_type(self, line: int) -> tuple[int | None, str]:
        """``[TTL] [class] type`` or ``[class] [TTL] type``."""
        ttl: int | None = None
        for _part in range(3):
            word = self._tokens.get_identifier()
            if word[0].isdigit() and ttl is None:
                ttl = dns.ttl.from_text(word)
            elif word.upper() not in _WORDS_OF_A_CLASS and (kind := _type(word.upper())):
                return ttl, kind
            elif word.upper() != "IN":
                raise ZoneFileInvalid(
                    N_("%(word)s is no type, and only the class IN is kept.", word=word[:20]), line=line
                )
        raise ZoneFileInvalid(N_("there is no type."), line=line)

    def _content(self, kind: str) -> str:
        """The rest of the line. What is not kept is passed over, whatever it is: nobody has to know its grammar."""
        if kind != "SOA" and kind not in RECORD_TYPES:
            while not self._tokens.get().is_eol_or_eof():
                pass
            return ""
        data = dns.rdata.from_text(
            dns.rdataclass.IN, dns.rdatatype.from_text(kind), self._tokens, self._origin, relativize=False
        )
        if kind == "SOA":
            self._minimum = int(getattr(data, "minimum", DEFAULT_TTL))
        return data.to_text()

    def _entry(self, line: int, name: dns.name.Name, kind: str, content: str, ttl: int | None) -> Entry:
        known = (ttl, self._default, self._last, self._minimum, DEFAULT_TTL)
        value = next(seconds for seconds in known if seconds is not None)
        if ttl is not None:
            self._last = ttl
        return Entry(line, name.to_text(omit_final_dot=True).lower(), kind, content, value)

    def _generate(self) -> Iterator[Entry]:
        """``$GENERATE start-stop[/step] name [TTL] [class] type content``: at most :data:`MAX_GENERATED` in a text."""
        line = self._where
        numbers = self._range(line, self._tokens.get_string())
        left = self._template(line)
        ttl, kind = self._ttl_and_type(line)
        right = self._template(line)
        self._tokens.get_eol()
        for number in numbers:
            content = _filled(right, number)
            if kind in RECORD_TYPES:
                rdtype = dns.rdatatype.from_text(kind)
                content = dns.rdata.from_text(dns.rdataclass.IN, rdtype, content, self._origin, False).to_text()
            name = dns.name.from_text(_filled(left, number), self._origin, _CODEC)
            yield self._entry(line, name, kind, content, ttl)

    def _range(self, line: int, text: str) -> range:
        found = _RANGE.fullmatch(text)
        if found is None or int(found[3] or 1) < 1 or int(found[1]) > int(found[2]):
            raise ZoneFileInvalid(N_("the range of $GENERATE is like 1-10 or 0-100/2."), line=line)
        numbers = range(int(found[1]), int(found[2]) + 1, int(found[3] or 1))
        self._generated += len(numbers)
        if self._generated > MAX_GENERATED:
            reason = N_("$GENERATE may make %(most)s records in a text.", most=MAX_GENERATED)
            raise ZoneFileInvalid(reason, line=line, code="zone_too_large")
        return numbers

    def _template(self, line: int) -> str:
        """A word, or several in quotes, with its escapes as they are."""
        token = self._tokens.get()
        text = token.value if token.is_identifier() or token.is_quoted_string() else ""
        if not text or len(text) > _LONGEST_TEMPLATE or "${" in _PLACE.sub("", text):
            raise ZoneFileInvalid(N_("this part of $GENERATE is not understood."), line=line)
        return text


def _type(word: str) -> str:
    """A type by its usual name, "" for what is none: so a slip is a fault, and not a record that is left out."""
    try:
        return word if word in _ELSEWHERE else dns.rdatatype.to_text(dns.rdatatype.from_text(word))
    except (dns.exception.DNSException, ValueError):
        return ""


def _filled(template: str, number: int) -> str:
    def value(found: re.Match[str]) -> str:
        if found[0] in ("\\$", "$$"):
            return "$"
        offset, width, base = found.groups()
        return format(number + int(offset or 0), f"0{width or 1}{base or 'd'}")

    return _PLACE.sub(value, template)
