"""Records come into one canonical form, and a zone that would not work is refused with the reason."""

from dataclasses import replace

import dns.rdata
import pytest
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import HostingError, UnsafeValue
from hosting.state import DnsRecord, DnsZone
from hosting.state.zones import MAX_TTL, ZoneInvalid, canonical_name, canonical_record, check_zone, text_content

ZONE = "a.test"
APEX = (canonical_record("@", "NS", "ns1.host.test", 3600, ZONE),)


def zone(*records: tuple[str, str, str] | tuple[str, str, str, int], apex: tuple[DnsRecord, ...] = APEX) -> DnsZone:
    made = [DnsRecord(*record[:3], *(record[3:] or (3600,))) for record in records]
    return DnsZone("al", ZONE, "ns1.host.test", "hostmaster.host.test", tuple(sorted((*apex, *made))))


def refusal(found: DnsZone) -> str:
    with pytest.raises(HostingError) as caught:
        check_zone(found)
    assert caught.value.permanent and caught.value.detail.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "type", "content", "expected"),
    [
        ("@", "a", " 192.0.2.1 ", "a.test A 192.0.2.1"),
        ("", "AAAA", "2001:DB8:0::0:1", "a.test AAAA 2001:db8::1"),
        ("WWW", "cname", "Web.Other.TEST", "www.a.test CNAME web.other.test."),
        ("www.a.test", "CNAME", "@", "www.a.test CNAME a.test."),
        ("www.a.test.", "CNAME", "web", "www.a.test CNAME web.a.test."),
        ("@", "MX", "10  Mail", "a.test MX 10 mail.a.test."),
        ("@", "MX", "0 .", "a.test MX 0 ."),
        ("_sip._tcp", "SRV", "1 2 5060 sip.other.test", "_sip._tcp.a.test SRV 1 2 5060 sip.other.test."),
        ("@", "CAA", "0 issue letsencrypt.org", 'a.test CAA 0 issue "letsencrypt.org"'),
        ("@", "TXT", "v=spf1 mx -all", 'a.test TXT "v=spf1 mx -all"'),
        ("@", "TXT", '"v=spf1" "mx"', 'a.test TXT "v=spf1" "mx"'),
        ("@", "TXT", 'say "hi" \\o/', 'a.test TXT "say \\"hi\\" \\\\o/"'),
        ("@", "TXT", "ö;", 'a.test TXT "\\195\\182;"'),
        ("@", "TXT", "", 'a.test TXT ""'),
        ("*", "A", "192.0.2.1", "*.a.test A 192.0.2.1"),
        ("bücher", "A", "192.0.2.1", "xn--bcher-kva.a.test A 192.0.2.1"),
        ("@", "HTTPS", '1 . alpn="h2,h3" port="443"', "a.test HTTPS 1 . alpn=h2,h3 port=443"),
        ("_443._tcp", "TLSA", "3 1 1 " + "AB" * 32, "_443._tcp.a.test TLSA 3 1 1 " + "ab" * 32),
    ],
)
def test_a_record_comes_into_canonical_form(name: str, type: str, content: str, expected: str) -> None:
    record = canonical_record(name, type, content, 3600, ZONE)
    assert f"{record.name} {record.type} {record.content}" == expected
    assert canonical_record(record.name, record.type, record.content, 3600, ZONE) == record


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029"), max_size=600))
def test_any_text_survives_as_txt(text: str) -> None:
    data = dns.rdata.from_text("IN", "TXT", text_content(text))
    assert isinstance(data, TXT)
    assert b"".join(data.strings) == text.encode()
    assert all(len(piece) <= 255 for piece in data.strings)
    record = canonical_record("@", "TXT", text_content(text), 3600, ZONE)
    assert record.content == text_content(text) == data.to_text()


@pytest.mark.parametrize(
    ("name", "type", "content", "code"),
    [
        ("@", "ALIAS", "other.test", "record_type"),
        ("@", "SOA", "a b 1 2 3 4 5", "record_type"),
        ("@", "A", "192.0.2.256", "record_invalid"),
        ("@", "A", "192.0.2.1 192.0.2.2", "record_invalid"),
        ("@", "AAAA", "192.0.2.1", "record_invalid"),
        ("@", "MX", "mail", "record_invalid"),
        ("@", "MX", "70000 mail", "record_invalid"),
        ("@", "TXT", '"open', "record_invalid"),
        ("@", "TXT", '"a" b', "record_invalid"),
        ("@", "TXT", '"\\999"', "record_invalid"),
        ("www.b.test.", "A", "192.0.2.1", "name_outside_zone"),
        ("nota.test.", "A", "192.0.2.1", "name_outside_zone"),
        ("a b", "A", "192.0.2.1", "name_invalid"),
        ("-a", "A", "192.0.2.1", "name_invalid"),
        ("a..b", "A", "192.0.2.1", "name_invalid"),
        ("x" * 64, "A", "192.0.2.1", "name_invalid"),
        ("www.*", "A", "192.0.2.1", "wildcard_misplaced"),
        ("a*", "A", "192.0.2.1", "name_invalid"),
        ("*", "NS", "ns.other.test", "wildcard_misplaced"),
        ("my_host", "A", "192.0.2.1", "underscore_misplaced"),
        ("sip.tcp", "SRV", "1 2 5060 sip.other.test", "underscore_missing"),
        ("@", "MX", "10 192.0.2.1", "target_is_address"),
        ("@", "NS", "192.0.2.1", "target_is_address"),
        ("@", "MX", "10 my_mail.other.test", "target_invalid"),
    ],
)
def test_a_wrong_record_is_refused(name: str, type: str, content: str, code: str) -> None:
    with pytest.raises(ZoneInvalid) as caught:
        canonical_record(name, type, content, 3600, ZONE)
    assert caught.value.code == code and caught.value.field == "records"


@pytest.mark.parametrize("unsafe", ["\n", "\r", "\x00", "\x85", "\u2028", "\u2029", "\x1b", "\t"])
@pytest.mark.parametrize("field", range(3))
def test_control_characters_are_refused_everywhere(unsafe: str, field: int) -> None:
    words = ["www", "TXT", "text"]
    words[field] += f"{unsafe}more"
    with pytest.raises(UnsafeValue):
        canonical_record(words[0], words[1], words[2], 3600, ZONE)


@pytest.mark.parametrize("ttl", [-1, 0, 29, MAX_TTL + 1])
def test_ttl_has_a_range(ttl: int) -> None:
    with pytest.raises(ZoneInvalid, match="TTL"):
        canonical_record("@", "A", "192.0.2.1", ttl, ZONE)


def test_a_usual_zone_is_fine() -> None:
    check_zone(
        zone(
            ("a.test", "A", "192.0.2.1"),
            ("a.test", "AAAA", "2001:db8::1"),
            ("a.test", "MX", "10 mail.a.test."),
            ("a.test", "TXT", '"v=spf1 mx -all"'),
            ("mail.a.test", "A", "192.0.2.1"),
            ("www.a.test", "CNAME", "a.test."),
            ("*.a.test", "A", "192.0.2.1"),
            ("_dmarc.a.test", "TXT", '"v=DMARC1; p=none"'),
            ("x._domainkey.a.test", "CNAME", "x._domainkey.other.test."),
            ("sub.a.test", "NS", "ns.sub.a.test."),
            ("sub.a.test", "DS", "1 8 2 " + "ab" * 32),
            ("ns.sub.a.test", "A", "192.0.2.9"),
        )
    )


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([("www.a.test", "CNAME", "a.test."), ("www.a.test", "A", "192.0.2.1")], "cname_conflict"),
        ([("www.a.test", "CNAME", "a.test."), ("www.a.test", "CNAME", "b.test.")], "cname_conflict"),
        ([("a.test", "CNAME", "b.test.")], "cname_at_apex"),
        ([("a.test", "DS", "1 8 2 " + "ab" * 32)], "ds_at_apex"),
        ([("x.a.test", "A", "192.0.2.1", 60), ("x.a.test", "A", "192.0.2.2", 90)], "ttl_mixed"),
        ([("x.a.test", "A", "192.0.2.1", 60), ("x.a.test", "A", "192.0.2.1", 90)], "record_duplicate"),
        ([("www.b.test", "A", "192.0.2.1")], "name_outside_zone"),
        ([("WWW.a.test", "A", "192.0.2.1")], "name_invalid"),
        ([("www.a.test", "MX", "10 Mail.b.test.")], "record_not_canonical"),
        ([("a.test", "NS", "ns1.a.test.")], "address_missing"),
        ([("a.test", "MX", "10 mail.a.test."), ("mail.a.test", "CNAME", "b.test.")], "target_is_alias"),
        ([("a.test", "MX", "10 mail.a.test."), ("*.a.test", "CNAME", "b.test.")], "target_is_alias"),
        ([("sub.a.test", "NS", "ns.b.test."), ("sub.a.test", "TXT", '"x"')], "below_delegation"),
        ([("sub.a.test", "NS", "ns.b.test."), ("x.y.sub.a.test", "CNAME", "b.test.")], "below_delegation"),
        ([("sub.a.test", "DS", "1 8 2 " + "ab" * 32)], "ds_without_ns"),
        ([("x.a.test", "TXT", text_content("y" * 61000))], "record_too_large"),
    ],
)
def test_records_that_break_the_zone_together(records: list[tuple[str, str, str]], code: str) -> None:
    assert refusal(zone(*records)) == code


def test_a_zone_without_name_servers_is_refused() -> None:
    assert refusal(zone(("a.test", "A", "192.0.2.1"), apex=())) == "ns_missing"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "a_b.test", "name_invalid"),
        ("name", "A.test", "name_invalid"),
        ("primary", "ns1..test", "soa_invalid"),
        ("hostmaster", "post@master", "soa_invalid"),
        ("primary", "ns1.test\n", "unsafe_value"),
        ("retry", 0, "soa_invalid"),
        ("expire", 1, "soa_invalid"),
        ("minimum", 2**31, "soa_invalid"),
    ],
)
def test_the_start_of_authority_is_checked(field: str, value: str | int, code: str) -> None:
    assert refusal(replace(zone(), **{field: value})) == code  # type: ignore[arg-type]


def test_a_zone_has_a_largest_size() -> None:
    many = tuple(DnsRecord(f"h{n}.a.test", "A", "192.0.2.1") for n in range(10_001))
    assert refusal(zone(apex=(*APEX, *many))) == "zone_too_large"


def test_a_wildcard_answers_for_a_name_server() -> None:
    check_zone(zone(("a.test", "NS", "ns1.a.test."), ("*.a.test", "A", "192.0.2.1")))


def test_names_are_found_from_what_people_write() -> None:
    assert [canonical_name(name, ZONE) for name in ("@", "", "www", "WWW.A.test", "a.test.", "x.y")] == [
        "a.test", "a.test", "www.a.test", "www.a.test", "a.test", "x.y.a.test",
    ]  # fmt: skip
