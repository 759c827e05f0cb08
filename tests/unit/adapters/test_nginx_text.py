"""Sites as text and back, nginx's language, and what nginx says of a bad configuration."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.adapters._values import HOST_NAME, OWNER
from hosting.adapters.nginx.faults import raise_for, verdict
from hosting.adapters.nginx.site import parse_site, render
from hosting.adapters.nginx.syntax import Directive, SyntaxFault, parse
from hosting.errors import ConfigurationInvalid, UnsafeValue
from hosting.state import Change, VirtualHost

owners = st.from_regex(OWNER, fullmatch=True)
labels = st.from_regex(re.compile(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"), fullmatch=True)
names = st.lists(labels, min_size=2, max_size=5).map(".".join)
aliases = st.lists(st.one_of(names, names.map("*.{}".format)), max_size=6).map(tuple)


@st.composite
def sites(draw: st.DrawFn) -> VirtualHost:
    """Any site that may be wanted."""
    owner, name = draw(owners), draw(names)
    return VirtualHost(
        owner, name, f"/home/{owner}/sites/{name}/public", draw(aliases), draw(st.booleans()), draw(st.booleans())
    )


@given(sites())
def test_what_is_written_is_read_back(site: VirtualHost) -> None:
    assert parse_site(site.owner, site.name, render(site)) == site


@given(sites(), st.data())
def test_any_other_text_is_seen_as_edited(site: VirtualHost, data: st.DataObject) -> None:
    text = render(site)
    position = data.draw(st.integers(0, len(text) - 1))
    other = text[:position] + data.draw(st.characters(exclude_characters=text[position])) + text[position + 1 :]
    seen = parse_site(site.owner, site.name, other)
    assert seen.ref == site.ref
    assert seen.edited or (seen != site and render(seen) == other)


@given(sites(), st.text(max_size=40))
def test_no_value_gets_out_of_its_directive(site: VirtualHost, text: str) -> None:
    """Whatever stands in a field, the file is refused or holds exactly one server with exactly its own names."""
    try:
        written = render(VirtualHost(site.owner, site.name, site.root, (*site.aliases, text)))
    except UnsafeValue:
        return
    (server,) = parse(written).block
    assert server.first("server_name") == (site.name, *site.aliases, text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    assert parse_site("anna", "anna.test", text).edited


@pytest.mark.parametrize("text", ["a", "a {", "}", "a; }", "{ }", ";", 'a "b', "a { b }", "a { b; } c"])
def test_a_text_without_end_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse(text)


def test_words_quotes_and_comments_are_nginx_s() -> None:
    text = 'a "b; {" \'c d\' e\\ f ${g} h#i; # j { \n k\t"\\"l"{ m; } n "" ;'
    a, k, n = parse(text).block
    assert a == Directive("a", ("b; {", "c d", "e f", "${g}", "h#i"))
    assert k == Directive("k", ('"l',), (Directive("m"),))
    assert n == Directive("n", ("",))


EMERGENCY = 'nginx: [emerg] unknown directive "bogus" in /etc/nginx/sites-enabled/b:3\n'
CERTIFICATE = (
    'nginx: [emerg] cannot load certificate "/no/c.pem": BIO_new_file() failed (2: No such file or directory)\n'
)
CONFLICT = 'nginx: [warn] conflicting server name "{}" on 0.0.0.0:80, ignored\n'
OURS = "/etc/nginx/npanel/sites/anna.anna.test.conf"
STRANGERS = "/etc/nginx/conf.d/a.conf"


def blame(exit_status: int, output: str, files: dict[str, str], *changed: VirtualHost) -> str:
    """The path that the error names, "-" if there is no error."""
    changes = [Change(site.kind, site.key, None, site) for site in changed]
    try:
        raise_for(verdict(exit_status, output), changes, files)
    except ConfigurationInvalid as error:
        return error.path
    return "-"


def test_faults_are_traced_to_their_file() -> None:
    server = "server {{ server_name {}; }}"
    assert blame(1, EMERGENCY, {}) == "/etc/nginx/sites-enabled/b"
    assert blame(1, CERTIFICATE, {STRANGERS: "ssl_certificate /no/c.pem;"}) == STRANGERS
    assert blame(1, "killed\n", {}) == ""
    assert blame(0, "nginx: the configuration file x syntax is ok\n", {}) == "-"
    files = {OURS: server.format("anna.test"), STRANGERS: server.format("x.test anna.test")}
    assert blame(0, CONFLICT.format("anna.test"), files) == STRANGERS
    assert blame(0, CONFLICT.format("anna.test"), files, VirtualHost("anna", "anna.test", "/home/anna/x")) == OURS
    assert blame(0, CONFLICT.format("x.test"), files) == "-"  # strangers among themselves


def test_the_grammar_of_names_ends_where_the_name_ends() -> None:
    assert not HOST_NAME.fullmatch("a.test\n") and not HOST_NAME.fullmatch("a" * 64 + ".test")
    assert not HOST_NAME.fullmatch(".".join(["a" * 50] * 6)) and HOST_NAME.fullmatch(".".join(["a" * 50] * 4))
