"""nginx on a real node: the contract, what visitors get, and other people's files in its configuration."""

import dataclasses
from collections.abc import Iterator

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ConfigurationInvalid, HostingError, ProbeFailed, UnsafeValue
from hosting.state import Change, DocumentRoot, PhpPool, Resource, SystemUser, VirtualHost, plan, state_of
from tests.contract.contract import Case, SetUp, carry_out, check_contract
from tests.contract.visitor import visit, visit_until
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
KINDS = ("system_user", "document_root", "php_fpm", "nginx")
OWNER, NAME = "walter", "walter.test"
HOME = f"/home/{OWNER}"
PUBLIC = f"{HOME}/sites/{NAME}/public"


def host(name: str = NAME, **values: object) -> VirtualHost:
    """A site of the one customer of these tests."""
    return VirtualHost(OWNER, name, PUBLIC, **values)  # type: ignore[arg-type]


NEEDS: tuple[Resource, ...] = (
    SystemUser(OWNER, HOME),
    DocumentRoot(OWNER, f"sites/{NAME}/public"),
    PhpPool(OWNER, "8.2", HOME),
)


@pytest.fixture
def facts(connection: Connection, set_up: SetUp) -> Iterator[NodeFacts]:
    """A node with the customer's user, document root and pool, and one served site."""
    facts = set_up(*KINDS)
    carry_out(connection, plan({}, state_of([*NEEDS, host()])))
    yield facts
    carry_out(connection, plan(state_of([*NEEDS, host()]), {}), Context())


def change(connection: Connection, before: VirtualHost | None, after: VirtualHost | None) -> None:
    """Bring a site from one state to another."""
    old, new = ([] if side is None else [side] for side in (before, after))
    carry_out(connection, plan(state_of(old), state_of(new)))


def put(node: Node, path: str, text: str) -> None:
    """A file that the customer puts into the document root."""
    node.exec(["runuser", "-u", OWNER, "--", "mkdir", "-p", f"{PUBLIC}/{path}".rpartition("/")[0]], check=True)
    node.exec(["runuser", "-u", OWNER, "--", "tee", f"{PUBLIC}/{path}"], input=text, check=True)


def test_it_keeps_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    check_contract(
        Case(
            adapters()["nginx"],
            connection,
            node,
            set_up(*KINDS),
            desired=(host(aliases=("*.wild.test", "www.walter.test")), host("static.test", php=False)),
            updated=(host(suspended=True), host("static.test", aliases=("other.test",))),
            needs=NEEDS,
            noise=("/var/log/npanel/sites/*/*.log",),
        )
    )


def test_a_visitor_gets_pages_and_php(node: Node, facts: NodeFacts) -> None:
    assert "walter.test is ready" in visit(node, NAME).text
    put(node, "index.php", "<?php echo 'hello ', $_GET['who'] ?? 'nobody', ' ', $_SERVER['HTTP_HOST'];")
    assert visit(node, NAME, "/?who=visitor").text == "hello visitor walter.test"
    assert visit(node, NAME, "/pretty/address?who=router").text == "hello router walter.test"
    put(node, "plain.txt", "plain")
    assert visit(node, NAME, "/plain.txt").text == "plain"
    assert visit(node, NAME, "/missing.php").status == 404
    assert "Server" not in visit(node, NAME).headers or "/" not in visit(node, NAME).headers["Server"]


def test_a_name_that_nobody_has_gets_no_answer(node: Node, facts: NodeFacts) -> None:
    for name in ("unknown.test", node.address, "www.walter.test"):
        assert visit(node, name).status == 0


def test_a_suspended_site_shows_nothing_but_its_page(node: Node, connection: Connection, facts: NodeFacts) -> None:
    put(node, "app.php", "<?php echo 'running';")
    put(node, "plain.txt", "plain")
    shut = host(suspended=True)
    change(connection, host(), shut)
    for path in ("/", "/app.php", "/plain.txt", "/missing", "/.npanel-suspended.html", "/.well-known/npanel-php"):
        for method in ("GET", "POST"):
            answer = visit(node, NAME, path, method)
            assert answer.status in (503, 404 if path.startswith("/.npanel") else 503), (path, method)
            assert "running" not in answer.text and "plain" not in answer.text
    assert "This site is suspended" in visit(node, NAME).text
    assert "suspended" in perform(connection, adapters()["nginx"].probe(shut, facts))
    with pytest.raises(ProbeFailed):
        perform(connection, adapters()["nginx"].probe(host(), facts))
    change(connection, shut, host())
    assert visit(node, NAME, "/app.php").text == "running"


def test_hidden_files_and_sources_are_not_served(node: Node, connection: Connection, facts: NodeFacts) -> None:
    for path in (".env", ".git/config", "app/.htpasswd", ".well-known/note.txt", "source.php"):
        put(node, path, "<?php #hidden")
    assert visit(node, NAME, "/.well-known/note.txt").status == 200
    for path in ("/.env", "/.git/config", "/app/.htpasswd", "/app/%2ehtpasswd"):
        assert visit(node, NAME, path).status == 404
    plain = host(php=False)
    change(connection, host(), plain)
    assert "#hidden" not in visit(node, NAME, "/source.php").text
    change(connection, plain, host())


def test_a_link_to_somebody_elses_file_is_not_served(node: Node, facts: NodeFacts) -> None:
    node.write("/srv/secret.txt", "not theirs")
    put(node, "own.txt", "own")
    for name, target in (("link.txt", "/srv/secret.txt"), ("folder", "/srv"), ("fine.txt", "own.txt")):
        node.exec(["runuser", "-u", OWNER, "--", "ln", "-s", target, f"{PUBLIC}/{name}"], check=True)
    assert visit(node, NAME, "/link.txt").status in (403, 404)
    assert visit(node, NAME, "/folder/secret.txt").status in (403, 404)
    assert visit(node, NAME, "/fine.txt").text == "own"


def test_strangers_do_not_learn_who_serves_a_site(node: Node, facts: NodeFacts) -> None:
    for path in ("/.well-known/npanel-probe", "/.well-known/npanel-php"):
        assert visit(node, NAME, path).status == 404


def test_each_site_has_its_own_logs(node: Node, facts: NodeFacts) -> None:
    visit(node, NAME, "/looked-for")
    assert "GET /looked-for" in node.read(f"/var/log/npanel/sites/{OWNER}.{NAME}/access.log")
    facts_ = node.exec(["stat", "-c", "%a %U:%G", f"/var/log/npanel/sites/{OWNER}.{NAME}"], check=True).stdout
    assert facts_.strip() == f"750 root:{OWNER}"


def test_logs_are_rotated_and_stay_readable_for_the_customer(node: Node, facts: NodeFacts) -> None:
    log = f"/var/log/npanel/sites/{OWNER}.{NAME}/access.log"
    visit(node, NAME, "/before")
    node.exec(["logrotate", "--force", "/etc/logrotate.d/npanel-sites"], check=True)
    visit_until(lambda: visit(node, NAME, "/after").status and "GET /after" in node.read(log))
    assert "GET /before" in node.read(f"{log}.1") and "GET /before" not in node.read(log)
    for path in (log, f"{log}.1"):
        assert node.exec(["runuser", "-u", OWNER, "--", "cat", path]).returncode == 0


def test_a_change_is_served_as_soon_as_it_is_activated(node: Node, connection: Connection, facts: NodeFacts) -> None:
    """No visitor meets a worker of before the reload afterwards."""
    before = host()
    for number in range(8):
        after = host(aliases=(f"n{number}.test",))
        change(connection, before, after)
        assert {visit(node, f"n{number}.test").status for _ in range(8)} == {200}
        if before.aliases:
            assert {visit(node, before.aliases[0]).status for _ in range(8)} == {0}
        before = after
    change(connection, before, host())


STRANGER = "server {{ listen 80; server_name {0}; return 200 stranger; }}\n"


@pytest.mark.parametrize("path", ["/etc/nginx/conf.d/a.conf", "/etc/nginx/sites-enabled/a", "/etc/nginx/conf.d/z.conf"])
def test_a_new_site_whose_name_is_taken_is_refused(
    node: Node, connection: Connection, facts: NodeFacts, path: str
) -> None:
    node.write(path, STRANGER.format("taken.test other.test"))
    wanted = host("new.test", aliases=("taken.test",))
    with pytest.raises(ConfigurationInvalid) as fault:
        change(connection, None, wanted)
    assert fault.value.path == f"/etc/nginx/npanel/sites/{OWNER}.new.test.conf"
    assert "taken.test" in fault.value.detail and path in fault.value.detail
    change(connection, wanted, None)
    node.exec(["rm", path], check=True)


def test_a_stranger_who_takes_a_served_name_is_named(node: Node, connection: Connection, facts: NodeFacts) -> None:
    """Its file comes first, so that its server would win; another site's change finds out."""
    path = "/etc/nginx/conf.d/a.conf"
    node.write(path, STRANGER.format(NAME))
    with pytest.raises(ConfigurationInvalid) as fault:
        change(connection, None, host("new.test"))
    assert fault.value.path == path
    moved = perform(connection, adapters()["nginx"].quarantine(path, fault.value.detail))
    assert moved and moved.path == path
    change(connection, None, host("new.test"))
    assert "walter.test is ready" in visit(node, NAME).text
    change(connection, host("new.test"), None)


BROKEN = ("server { listen 80; server_name b.test; bogus on; }\n", "server { listen 80; server_name b.test;\n", "}\n")


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("linked", [False, True])
def test_a_broken_file_is_named_and_moved_away(
    node: Node, connection: Connection, facts: NodeFacts, text: str, linked: bool
) -> None:
    path = "/etc/nginx/sites-enabled/broken"
    if linked:
        node.write("/etc/nginx/sites-available/broken", text)
        node.exec(["ln", "-s", "/etc/nginx/sites-available/broken", path], check=True)
    else:
        node.write(path, text)
    with pytest.raises(ConfigurationInvalid) as fault:
        change(connection, None, host("new.test"))
    assert fault.value.path == path
    moved = perform(connection, adapters()["nginx"].quarantine(path, fault.value.detail))
    assert moved and node.read(moved.kept_at) == text
    change(connection, None, host("new.test"))
    assert visit(node, "new.test").status == 200
    change(connection, host("new.test"), None)
    node.exec(["rm", "-f", "/etc/nginx/sites-available/broken"], check=True)


def test_a_fault_without_a_place_is_traced_to_its_file(node: Node, connection: Connection, facts: NodeFacts) -> None:
    path = "/etc/nginx/sites-enabled/tls"
    node.write(
        path, "server { listen 443 ssl; server_name t.test; ssl_certificate /no/c.pem; ssl_certificate_key /no/k; }\n"
    )
    with pytest.raises(ConfigurationInvalid) as fault:
        change(connection, None, host("new.test"))
    assert fault.value.path == path
    node.exec(["rm", path], check=True)
    change(connection, host("new.test"), None)


@pytest.mark.parametrize(
    "path", ["/etc/nginx/nginx.conf", "/etc/nginx/conf.d/npanel.conf", "/etc/passwd", "/etc/nginx/"]
)
def test_other_files_are_not_moved_away(node: Node, connection: Connection, facts: NodeFacts, path: str) -> None:
    assert perform(connection, adapters()["nginx"].quarantine(path, "because")) is None
    assert node.exec(["test", "-e", path]).returncode == 0


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\u0085", "\u2028", "\u2029", ";", " x", "{", "$host", '"', "A"])
def test_values_that_break_a_line_are_refused(connection: Connection, bad: str) -> None:
    adapter = adapters()["nginx"]
    for broken in (
        VirtualHost(f"walter{bad}", NAME, PUBLIC),
        VirtualHost(OWNER, f"walter.test{bad}", PUBLIC),
        VirtualHost(OWNER, NAME, PUBLIC, aliases=(f"www.test{bad}",)),
        *([] if bad == "A" else [VirtualHost(OWNER, NAME, f"{PUBLIC}{bad}")]),
        VirtualHost(OWNER, NAME, "/etc"),
        VirtualHost(OWNER, NAME, f"{HOME}/../other"),
    ):
        with pytest.raises(UnsafeValue):
            perform(connection, adapter.apply(Change(broken.kind, broken.key, None, broken), Context()))


@pytest.mark.parametrize(
    "edit", ["s/index index.php.*/autoindex on;/", "s/.*/garbage {/", "s/server_name .*/server_name x.test;/"]
)
def test_a_file_edited_by_hand_is_seen_and_repaired(
    node: Node, connection: Connection, facts: NodeFacts, edit: str
) -> None:
    adapter = adapters()["nginx"]
    node.exec(["sed", "-i", edit, f"/etc/nginx/npanel/sites/{OWNER}.{NAME}.conf"], check=True)
    (seen,) = perform(connection, adapter.observe(Scope(facts, owner=OWNER)))
    assert isinstance(seen, VirtualHost)
    assert (seen.owner, seen.name, bool(seen.edited)) == (OWNER, NAME, True)
    change(connection, seen, host())
    assert perform(connection, adapter.observe(Scope(facts, owner=OWNER))) == (host(),)


def test_a_probe_tells_whose_site_answered(node: Node, connection: Connection, facts: NodeFacts) -> None:
    adapter = adapters()["nginx"]
    assert perform(connection, adapter.probe(host(), facts)) == "1 name served, PHP answers"
    elsewhere = dataclasses.replace(facts, address="192.0.2.7")  # an address that a router translates
    assert perform(connection, adapter.probe(host(), elsewhere)) == "1 name served, PHP answers"
    for other in (host("never.test"), host(aliases=("never.test",)), VirtualHost(OWNER, NAME, f"{HOME}/elsewhere")):
        with pytest.raises(ProbeFailed):
            perform(connection, adapter.probe(other, facts))
    node.exec(["chmod", "0700", HOME], check=True)
    node.exec(["chgrp", OWNER, HOME], check=True)
    with pytest.raises(ProbeFailed, match="cannot reach"):
        perform(connection, adapter.probe(host(), facts))


def test_a_probe_notices_a_dead_pool(node: Node, connection: Connection, facts: NodeFacts) -> None:
    node.exec(["systemctl", "stop", "php8.2-fpm"], check=True)
    with pytest.raises(ProbeFailed, match="502"):
        perform(connection, adapters()["nginx"].probe(host(), facts))
    perform(connection, adapters()["php_fpm"].activate([Change("php_pool", OWNER, None, NEEDS[2])]))
    assert "PHP answers" in perform(connection, adapters()["nginx"].probe(host(), facts))


def test_a_stopped_nginx_is_started(node: Node, connection: Connection, facts: NodeFacts) -> None:
    node.exec(["systemctl", "stop", "nginx"], check=True)
    change(connection, None, host("new.test"))
    assert visit(node, "new.test").status == 200
    change(connection, host("new.test"), None)


def test_a_refused_reload_is_an_error(node: Node, connection: Connection, facts: NodeFacts) -> None:
    """What only shows when nginx takes the configuration up: here a port that somebody else has."""
    node.exec(["systemd-run", "--unit=squatter", "python3", "-m", "http.server", "8099"], check=True)
    while not node.exec(["ss", "--no-header", "--listening", "--tcp", "sport = :8099"]).stdout:
        pass
    path = "/etc/nginx/conf.d/port.conf"
    node.write(path, "server { listen 8099; }\n")
    with pytest.raises(HostingError, match="8099"):
        perform(connection, adapters()["nginx"].activate([]))
    assert visit(node, NAME).status == 200
    node.exec(["rm", path], check=True)
    node.exec(["systemctl", "stop", "squatter"])
