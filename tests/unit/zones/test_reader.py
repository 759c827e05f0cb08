"""Texts as zone files: everything of RFC 1035 §5.1, each fault with its line, and no way out of the text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import HostingError
from hosting.state import DnsRecord, DnsZone
from hosting.state.zone_files import ZoneFileInvalid, changes, read, records_text, zone_text
from hosting.state.zone_reader import MAX_BYTES, MAX_ENTRIES, MAX_GENERATED
from hosting.state.zones import canonical_record

NAME = "example.com"
OWN = (
    canonical_record("@", "NS", "ns1", 86400, NAME),
    canonical_record("@", "NS", "ns2", 86400, NAME),
    canonical_record("ns1", "A", "192.0.2.53", 86400, NAME),
    canonical_record("ns2", "A", "192.0.2.53", 86400, NAME),
)
EMPTY = DnsZone("owner", NAME, f"ns1.{NAME}", f"hostmaster.{NAME}", tuple(sorted(OWN)))


def found(text: str) -> set[tuple[str, str, str, int]]:
    return {(r.name.removesuffix(f".{NAME}"), r.type, r.content, r.ttl) for r in read(text, EMPTY).records}


def refused(text: str) -> ZoneFileInvalid:
    with pytest.raises(ZoneFileInvalid) as refusal:
        read(text, EMPTY)
    assert refusal.value.field == "text" and refusal.value.permanent
    return refusal.value


def test_all_that_a_zone_file_may_hold_is_read() -> None:
    text = """; a comment
$TTL 1h
@       IN  SOA ns.old.test. admin.old.test. ( 7 ; serial
            3600 600
            86400 300 )
        IN  MX 10 mail
        5m  IN TXT "semi;colon" ( "and"
            "more" )
www     CNAME   @
ftp 60  CNAME   www.example.com.
in      IN 90 A 192.0.2.4
$ORIGIN sub.example.com.
deep    A       192.0.2.5
$ORIGIN inner
@       A       192.0.2.6
raw     TYPE1   \\# 4 c0000207
bücher.example.com.  TXT x
"""
    assert found(text) == {
        (NAME, "MX", "10 mail.example.com.", 3600),
        (NAME, "TXT", '"semi;colon" "and" "more"', 300),
        ("www", "CNAME", "example.com.", 3600),
        ("ftp", "CNAME", "www.example.com.", 60),
        ("in", "A", "192.0.2.4", 90),
        ("deep.sub", "A", "192.0.2.5", 3600),
        ("inner.sub", "A", "192.0.2.6", 3600),
        ("raw.inner.sub", "A", "192.0.2.7", 3600),
        ("xn--bcher-kva", "TXT", '"x"', 3600),
    }


@pytest.mark.parametrize(
    ("text", "ttl"),
    [
        ("a A 192.0.2.1", 3600),
        ("@ SOA a.test. b.test. 1 2 3 4 77\na A 192.0.2.1", 77),
        ("b 60 A 192.0.2.2\na A 192.0.2.1", 60),
        ("$TTL 90\nb 60 A 192.0.2.2\na A 192.0.2.1", 90),
        ("$TTL 1d\na A 192.0.2.1", 86400),
    ],
)
def test_a_line_without_a_ttl_has_the_nearest_one(text: str, ttl: int) -> None:
    assert ("a", "A", "192.0.2.1", ttl) in found(text)


def test_generate_makes_what_it_says() -> None:
    text = '$GENERATE 1-5/2 h$ 60 A 192.0.2.$\n$GENERATE 9-10 m${1,3,d} IN MX "${-9} m${0,2,x}.example.org."'
    assert found(f"{text}\n$GENERATE 1-1 t TXT \\$$$x") == {
        ("h1", "A", "192.0.2.1", 60),
        ("h3", "A", "192.0.2.3", 60),
        ("h5", "A", "192.0.2.5", 60),
        ("m010", "MX", "0 m09.example.org.", 60),
        ("m011", "MX", "1 m0a.example.org.", 60),
        ("t", "TXT", '"$$x"', 60),
    }


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$INCLUDE /etc/passwd", "zone_file_directive"),
        ("$include /etc/passwd", "zone_file_directive"),
        ("$INCLUDE /etc/passwd sub", "zone_file_directive"),
        ("$UNICODE 2008", "zone_file_directive"),
        ("$ORIGIN", "zone_file_invalid"),
        ("$ORIGIN a b", "zone_file_invalid"),
        ("$TTL soon", "zone_file_invalid"),
        ("a", "zone_file_invalid"),
        ("a 60", "zone_file_invalid"),
        ("a A", "zone_file_invalid"),
        ("a A 192.0.2", "zone_file_invalid"),
        ("a A 192.0.2.1 192.0.2.2", "zone_file_invalid"),
        ("a CH A 192.0.2.1", "zone_file_invalid"),
        ("a 60 60 A 192.0.2.1", "zone_file_invalid"),
        ('a TXT "open', "zone_file_invalid"),
        ("a TXT ( b", "zone_file_invalid"),
        ("a TXT b )", "zone_file_invalid"),
        ("a..b A 192.0.2.1", "zone_file_invalid"),
        ("a TXT \x00", "unsafe_value"),
        ("a TXT b\x85c", "unsafe_value"),
        ("a TXT b\u2028c", "unsafe_value"),
        ("a TXT b\rc", "unsafe_value"),
        ("a TXT \x1b[0m", "unsafe_value"),
        ("a b A 192.0.2.1", "zone_file_invalid"),
        ("-a A 192.0.2.1", "name_invalid"),
        ("a\\032b A 192.0.2.1", "name_invalid"),
        ("a_b A 192.0.2.1", "underscore_misplaced"),
        ("a 5 A 192.0.2.1", "ttl_out_of_range"),
        ("a MX 10 192.0.2.1.", "target_is_address"),
        ("$GENERATE 1-2 a$", "zone_file_invalid"),
        ("$GENERATE 2-1 a$ A 192.0.2.$", "zone_file_invalid"),
        ("$GENERATE 1-2/0 a$ A 192.0.2.$", "zone_file_invalid"),
        ("$GENERATE x a$ A 192.0.2.$", "zone_file_invalid"),
        (f"$GENERATE 1-{MAX_GENERATED + 1} a$ TXT x", "zone_too_large"),
        ("$GENERATE 0-999999999 a$ TXT x", "zone_too_large"),
        ("$GENERATE 1-2 a${0,999999} TXT x", "zone_file_invalid"),
        ("$GENERATE 1-2 a${0,3,n} TXT x", "zone_file_invalid"),
        ("$GENERATE 1-2 a$ TXT " + "x" * 2000, "zone_file_invalid"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_line(line: str, code: str) -> None:
    error = refused(f"$TTL 60\nfine A 192.0.2.1\n{line}\n")
    assert error.code == code, error
    assert error.line in (3, 4), error.detail  # what is left open is noticed at the end


def test_the_caps_hold_over_the_whole_text() -> None:
    half = MAX_GENERATED // 2 + 1
    assert refused(f"$GENERATE 1-{half} a$ TXT x\n$GENERATE 1-{half} b$ TXT x").code == "zone_too_large"
    assert refused("x" * (MAX_BYTES + 1)).code == "zone_file_too_large"
    assert refused("a 60 ALIAS b\n" * (MAX_ENTRIES + 1)).code == "zone_too_large"


def test_no_file_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a A 192.0.2.66\n")
    error = refused(f"$INCLUDE {secret}")
    assert "192.0.2.66" not in str(error)


def test_what_belongs_to_the_server_is_left_out_and_said() -> None:
    text = """@ 60 SOA ns.old.test. admin.old.test. 1 2 3 4 5
@ NS ns.old.test.
@ NS ns1
ns1 A 198.51.100.1
ns2 A 192.0.2.53
sub NS ns.sub.test.
a RRSIG A 8 2 60 20300101000000 20290101000000 1 old.test. AAAA
a ALIAS elsewhere.test.
a LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
other.test. A 192.0.2.1
a A 192.0.2.2
"""
    file = read(text, EMPTY)
    assert {(r.name, r.type) for r in file.records} == {(f"sub.{NAME}", "NS"), (f"a.{NAME}", "A")}
    assert [(one.line, one.type) for one in file.left_out] == [
        (1, "SOA"), (2, "NS"), (4, "A"), (7, "RRSIG"), (8, "ALIAS"), (9, "LOC"), (10, "A"),
    ]  # fmt: skip
    assert all(str(one.reason).endswith(".") for one in file.left_out)


RECORDS = (
    ("@", "A", "192.0.2.1"),
    ("@", "AAAA", "2001:db8::1"),
    ("@", "CAA", '0 issue "letsencrypt.org; policy=x"'),
    ("@", "HTTPS", "1 . alpn=h2,h3 ipv4hint=192.0.2.1"),
    ("@", "MX", "10 mail"),
    ("*", "TXT", 'quotes " and \\ and ö and ; and ( ) $ ' + "y" * 600),
    ("numbers", "NAPTR", '100 10 "u" "E2U+sip" "!^.*$!sip:x@y.test!" .'),
    ("mail", "SSHFP", "1 1 " + "AB" * 20),
    ("sub", "DS", "1 8 2 " + "AB" * 32),
    ("sub", "NS", "ns.other.test"),
    ("www", "CNAME", "@"),
    ("_443._tcp", "TLSA", "3 1 1 " + "AB" * 32),
    ("_sip._tcp", "SRV", "1 2 5060 sip.other.test"),
    ("svc", "SVCB", "1 svc.other.test. port=53"),
    ("in", "TXT", "in"),
    ("txt", "TXT", '""'),
)


def test_what_was_written_is_read_as_the_same() -> None:
    """Every type; and the whole zone as well as its owner's part."""
    records = {canonical_record(*record, 60 + place, NAME) for place, record in enumerate(RECORDS)}
    zone = DnsZone("owner", NAME, f"ns1.{NAME}", f"hostmaster.{NAME}", tuple(sorted({*records, *OWN})))
    file = read(zone_text(zone, serial=7), EMPTY)
    assert (set(file.records), file.left_out) == (records, ())
    assert set(read(records_text(records, NAME), EMPTY).records) == records


@given(st.lists(st.tuples(st.sampled_from(["@", "a", "*.b", "_c"]), st.text(max_size=300)), max_size=5))
def test_any_text_record_comes_back(wishes: list[tuple[str, str]]) -> None:
    records = set()
    for name, text in wishes:
        try:
            records.add(canonical_record(name, "TXT", text, 60, NAME))
        except HostingError:
            continue
    assert set(read(records_text(records, NAME), EMPTY).records) == records


@given(st.text(max_size=200) | st.text('$()"; \\\n\tINAGERTX0123456789.@-/{},', max_size=80))
def test_any_text_at_all_is_read_or_refused(text: str) -> None:
    try:
        file = read(text, EMPTY)
    except HostingError as error:
        assert error.code and error.detail
    else:
        assert all(record.name.endswith(NAME) for record in file.records)


def test_changes_are_the_least_that_does_it() -> None:
    def record(name: str, kind: str, content: str, ttl: int = 60) -> DnsRecord:
        return canonical_record(name, kind, content, ttl, NAME)

    before = [
        record("a", "A", "192.0.2.1"),
        record("a", "A", "192.0.2.2"),
        record("b", "TXT", "x"),
        record("c", "A", "192.0.2.3"),
    ]
    after = [
        record("a", "A", "192.0.2.2", 90),
        record("a", "A", "192.0.2.7", 90),
        record("c", "A", "192.0.2.3"),
        record("d", "TXT", "y"),
    ]
    found = changes(before, after)
    assert set(found.changed) == {(before[1], after[0]), (before[0], after[1])}
    assert (found.added, found.removed, found.kept) == ((after[3],), (before[2],), (before[3],))
    assert not changes(before, reversed(before))
