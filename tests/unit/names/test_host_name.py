"""One spelling for each host name, and a clear refusal for everything that is none."""

import idna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.errors import HostingError
from hosting.names import ancestors, host_name, reversed_name
from hosting.validators import validate_domain

#: No time limit for an example: machines are shared.
unhurried = settings(deadline=None)
LONGEST_LABEL = "a" * 63
#: 253 characters, the longest name there is (RFC 1035 §2.3.4).
LONGEST_NAME = ".".join([LONGEST_LABEL] * 3 + ["b" * 61])

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda label: label[2:4] != "--")
names = st.lists(labels, min_size=1, max_size=4).map(".".join).map(lambda name: f"{name}.test")
#: Letters of several scripts that are IDNA's, and none of which reads from right to left.
international = st.text(st.sampled_from("äöüßéñçабвгдΩψδ日本語한국어"), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.Com", "example.com"),
        ("example.com.", "example.com"),
        ("  example.com\t\n", "example.com"),
        ("Bücher.Example.", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("example\u3002com\u3002", "example.com"),
        ("example\uff0ecom", "example.com"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("exam\u200bple.com\u200b", "example.com"),
        ("a.b.c.d.example.com", "a.b.c.d.example.com"),
        ("3com.com", "3com.com"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        (f"{LONGEST_LABEL}.test", f"{LONGEST_LABEL}.test"),
        (LONGEST_NAME, LONGEST_NAME),
    ],
)
def test_every_spelling_becomes_one(typed: str, kept: str) -> None:
    assert host_name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        ".",
        "com",
        "com.",
        ".example.com",
        "example..com",
        "example.com..",
        "-example.com",
        "example-.com",
        "exam_ple.com",
        "_dmarc.example.com",
        "exam ple.com",
        "example.com\nevil.com",
        "example.com\r\n.evil.com",
        "example.com\x00",
        "example\u2028.com",
        "example\x85.com",
        "*.example.com",
        "example.com/",
        "http://example.com",
        "user@example.com",
        "example.com:80",
        "example.123",
        "192.0.2.1",
        "2001:db8::1",
        "[::1].com",
        "xn--.com",
        "xn--a.com",
        "xn--zzzzzzzzzzzz999.com",
        "xn--ls8h.com",
        "💩.com",
        "👨\u200d👩.com",
        "\u202eexample.com",
        "example.com; drop table",
        "$(id).example.com",
        "example.com'",
        "../../etc.passwd",
        f"{'a' * 64}.test",
        f"a.{LONGEST_NAME}",
        f"{'ü' * 60}.test",
        pytest.param("ü" * 100_000, id="many letters"),
        pytest.param("a." * 100_000, id="many labels"),
    ],
)
def test_what_is_no_host_name_is_refused(typed: str) -> None:
    with pytest.raises(HostingError) as refusal:
        host_name(typed)
    assert (refusal.value.code, refusal.value.field, refusal.value.permanent) == ("bad_name", "domain", True)
    assert "example.com" in refusal.value.hint
    assert len(refusal.value.detail) < 400


@unhurried
@given(st.text(max_size=80))
def test_any_text_becomes_a_clean_name_or_a_refusal(typed: str) -> None:
    try:
        name = host_name(typed)
    except HostingError as refusal:
        assert refusal.code == "bad_name"
        return
    assert host_name(name) == name
    assert name.isascii() and name == name.lower() and not set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert len(name) <= 253 and all(1 <= len(label) <= 63 for label in name.split("."))
    validate_domain(name)


@unhurried
@given(st.from_regex(r"xn--[a-z0-9-]{1,30}\.(com|xn--[a-z0-9]{1,12})", fullmatch=True))
def test_made_up_punycode_never_passes_unless_it_is_real(typed: str) -> None:
    try:
        name = host_name(typed)
    except HostingError as refusal:
        assert refusal.code == "bad_name"
        return
    assert idna.encode(idna.decode(name)).decode() == name


@unhurried
@given(names, st.sampled_from(["", "."]), st.sampled_from(["", " ", "\t", "\n"]), st.booleans())
def test_case_dot_and_blanks_do_not_make_another_name(name: str, dot: str, blank: str, upper: bool) -> None:
    typed = name.upper() if upper else name
    assert host_name(f"{blank}{typed}{dot}{blank}") == name


@unhurried
@given(international)
def test_a_name_and_its_ascii_form_are_one(label: str) -> None:
    try:
        name = host_name(f"{label}.test")
    except HostingError:
        return
    assert host_name(f"{label.upper()}.TEST.") in {name, host_name(f"{label.upper()}.test")}
    assert host_name(name) == name
    assert host_name(f"{label}\u3002test") == name


@unhurried
@given(names, labels)
def test_names_below_share_the_reversed_prefix_and_no_others_do(name: str, label: str) -> None:
    below = f"{label}.{name}"
    assert reversed_name(below).startswith(reversed_name(name))
    assert not reversed_name(f"{label}{name}").startswith(reversed_name(name))
    assert name in ancestors(below) and below not in ancestors(below)
    assert ancestors(name)[-1] == name.rsplit(".", 1)[-1]
