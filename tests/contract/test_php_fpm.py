"""PHP pools on a real node: the contract, and customers who try to reach each other from PHP."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hosting.adapters.base import Scope, adapters
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ConfigurationInvalid, UnsafeValue
from hosting.state import Change, DocumentRoot, PhpPool, Resource, SystemUser, VirtualHost, plan, state_of
from tests.contract.contract import Case, SetUp, carry_out, check_contract
from tests.contract.visitor import visit, visit_later
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
KINDS = ("system_user", "document_root", "php_fpm", "nginx")


def pool(owner: str, **values: object) -> PhpPool:
    """A pool of the node's PHP."""
    return PhpPool(owner, "8.2", f"/home/{owner}", **values)  # type: ignore[arg-type]


def site(owner: str) -> tuple[Resource, ...]:
    """All that a PHP site of this owner needs; its name is OWNER.test."""
    home, path = f"/home/{owner}", f"sites/{owner}.test/public"
    root = f"{home}/{path}"
    return (SystemUser(owner, home), DocumentRoot(owner, path), pool(owner), VirtualHost(owner, f"{owner}.test", root))


def run_php(node: Node, owner: str, code: str) -> str:
    """What a script of this customer's prints, asked for by a visitor."""
    script = f"/home/{owner}/sites/{owner}.test/public/try.php"
    node.exec(["runuser", "-u", owner, "--", "tee", script], input=f"<?php {code}", check=True)
    return visit(node, f"{owner}.test", "/try.php").text


def test_it_keeps_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    check_contract(
        Case(
            adapters()["php_fpm"],
            connection,
            node,
            set_up(*KINDS),
            desired=(pool("pooluser"),),
            updated=(pool("pooluser", max_children=9, memory_mb=64, settings=(("date.timezone", "Europe/Prague"),)),),
            needs=(SystemUser("pooluser", "/home/pooluser"),),
        )
    )


def test_php_runs_as_its_owner_with_its_limits(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up(*KINDS)
    carry_out(connection, plan({}, state_of(site("lena"))))
    assert run_php(node, "lena", "echo posix_getpwuid(posix_geteuid())['name'];") == "lena"
    assert run_php(node, "lena", "echo ini_get('memory_limit'), sys_get_temp_dir();") == "256M/home/lena/tmp"
    assert run_php(node, "lena", "session_start(); echo glob('/home/lena/tmp/sess_*') ? 'own' : 'none';") == "own"
    assert "disabled" in run_php(node, "lena", "try { system('id'); } catch (Error $e) { echo 'disabled'; }")
    run_php(node, "lena", "error_log('told the customer');")
    assert "told the customer" in node.read("/home/lena/logs/php-error.log")
    carry_out(connection, plan(state_of(site("lena")), {}), Context())


def test_a_customer_cannot_reach_another_from_php(node: Node, connection: Connection, set_up: SetUp) -> None:
    """Neither by file, link, include, temporary directory, socket nor the shared opcode cache."""
    set_up(*KINDS)
    both = (*site("maria"), *site("nils"))
    carry_out(connection, plan({}, state_of(both)))
    public = "/home/maria/sites/maria.test/public"
    secret = f"{public}/config.php"
    node.exec(["runuser", "-u", "maria", "--", "tee", secret], input="<?php return 'maria-secret';", check=True)
    assert run_php(node, "maria", f"echo include '{secret}';") == "maria-secret"
    for attempt in (
        f"echo @file_get_contents('{secret}');",
        f"echo @include '{secret}';",
        "print_r(@scandir('/home/maria'));",
        "print_r(@scandir('/home/maria/tmp'));",
        f"@symlink('{secret}', 'l'); echo @file_get_contents('l');",
        f"echo @file_get_contents('/home/nils/../maria/{secret[12:]}');",
        f"print_r(@opcache_get_status()); @opcache_compile_file('{secret}'); echo @include '{secret}';",
        "echo @stream_socket_client('unix:///run/npanel/php/maria.sock') ? 'maria-secret' : '';",
        "echo @posix_kill(1, 0) ? 'maria-secret' : '';",
        "ini_set('open_basedir', '/'); echo @file_get_contents('/etc/passwd'), @ini_get('x');",
        "print_r(@scandir('/etc'));",
    ):
        answer = run_php(node, "nils", f"try {{ {attempt} }} catch (Error $e) {{}}")
        assert not any(
            word in answer for word in ("maria-secret", "maria.test", "config.php", "sess_", "root:x:", "[0]")
        )
    carry_out(connection, plan(state_of(both), {}), Context())


def test_the_system_alone_keeps_customers_apart(node: Node, connection: Connection, set_up: SetUp) -> None:
    """The same without PHP's help: as the other customer's uid, files and socket are closed."""
    set_up(*KINDS)
    both = (*site("olga"), *site("petr"))
    carry_out(connection, plan({}, state_of(both)))
    for argv in (
        ["cat", "/home/olga/sites/olga.test/public/index.html"],
        ["ls", "/home/olga"],
        ["ls", "/run/npanel/php"],
        ["ls", "/var/log/npanel/sites"],
        ["cat", "/var/log/npanel/sites/olga.olga.test/access.log"],
        ["python3", "-c", "import socket; socket.socket(socket.AF_UNIX).connect('/run/npanel/php/olga.sock')"],
    ):
        assert node.exec(["runuser", "-u", "petr", "--", *argv]).returncode != 0, argv
    carry_out(connection, plan(state_of(both), {}), Context())


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\u0085", "\u2028", "\u2029", '"', "$x", ";", "\\"])
def test_values_that_break_a_line_are_refused(connection: Connection, bad: str) -> None:
    adapter = adapters()["php_fpm"]
    for broken in (
        PhpPool(f"quido{bad}", "8.2", "/home/quido"),
        PhpPool("quido", f"8.2{bad}", "/home/quido"),
        PhpPool("quido", "8.2", f"/home/quido{bad}"),
        pool("quido", settings=((f"date.timezone{bad}", "UTC"),)),
        pool("quido", settings=(("date.timezone", f"UTC{bad}"),)),
    ):
        with pytest.raises(UnsafeValue):
            perform(connection, adapter.apply(Change(broken.kind, broken.key, None, broken), Context()))


@pytest.mark.parametrize("name", ["open_basedir", "disable_functions", "sys_temp_dir", "error_log"])
def test_settings_that_keep_customers_apart_are_refused(connection: Connection, name: str) -> None:
    broken = pool("quido", settings=((name, "1"),))
    with pytest.raises(UnsafeValue):
        perform(connection, adapters()["php_fpm"].apply(Change(broken.kind, broken.key, None, broken), Context()))


def test_a_pool_edited_by_hand_is_seen(node: Node, connection: Connection, set_up: SetUp) -> None:
    facts = set_up(*KINDS)
    wanted = (SystemUser("rosa", "/home/rosa"), pool("rosa"))
    carry_out(connection, plan({}, state_of(wanted)))
    path = "/etc/php/8.2/fpm/pool.d/npanel-rosa.conf"
    node.exec(["sed", "-i", "s/^pm.max_children.*/pm.max_children = 99/", path], check=True)
    (seen,) = perform(connection, adapters()["php_fpm"].observe(Scope(facts, owner="rosa")))
    assert isinstance(seen, PhpPool)
    assert (seen.max_children, bool(seen.edited)) == (99, True)
    carry_out(connection, plan(state_of([seen]), state_of([pool("rosa")])))
    assert perform(connection, adapters()["php_fpm"].observe(Scope(facts, owner="rosa"))) == (pool("rosa"),)
    carry_out(connection, plan(state_of(wanted), {}), Context())


def test_a_broken_pool_is_named_and_can_be_moved_away(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up(*KINDS)
    adapter = adapters()["php_fpm"]
    path = "/etc/php/8.2/fpm/pool.d/broken.conf"
    change = Change("php_pool", "rosa", None, pool("rosa"))
    for text in ("[broken]\nuser = nobodyhere\nlisten = /run/x.sock\npm = static\n", "[broken]\nwhat is this\n"):
        node.write(path, text)
        with pytest.raises(ConfigurationInvalid) as fault:
            perform(connection, adapter.validate([change]))
        assert fault.value.path == path
        moved = perform(connection, adapter.quarantine(path, fault.value.detail))
        assert moved and moved.path == path and node.read(moved.kept_at) == text
        perform(connection, adapter.validate([change]))


def test_a_running_request_survives_a_reload(node: Node, connection: Connection, set_up: SetUp) -> None:
    """Another customer's change does not cut off a request that is being answered."""
    set_up(*KINDS)
    carry_out(connection, plan({}, state_of(site("sara"))))
    script = "/home/sara/sites/sara.test/public/slow.php"
    node.exec(["runuser", "-u", "sara", "--", "tee", script], input="<?php sleep(1); echo 'done';", check=True)
    slow = visit_later(node, "sara.test", "/slow.php")
    wanted = (SystemUser("tom", "/home/tom"), pool("tom"))
    carry_out(connection, plan({}, state_of(wanted)))
    assert slow.result().text == "done"
    carry_out(connection, plan(state_of((*wanted, *site("sara"))), {}), Context())


@pytest.fixture
def second_version(node: Node) -> Iterator[str]:
    """Another PHP version beside the node's own: the same program under another name, with a master of its own."""
    unit = node.read("/lib/systemd/system/php8.2-fpm.service").replace("8.2", "8.1")
    node.exec(["cp", "-a", "/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm8.1"], check=True)
    node.exec(["mkdir", "-p", "/etc/php/8.1/fpm/pool.d"], check=True)
    for name in ("php-fpm.conf", "pool.d/www.conf", "pool.d/npanel.conf"):
        text = node.read(f"/etc/php/8.2/fpm/{name}").replace("8.2", "8.1")
        node.write(f"/etc/php/8.1/fpm/{name}", text)
    node.write("/etc/systemd/system/php8.1-fpm.service", unit)
    node.exec(["systemctl", "daemon-reload"], check=True)
    yield "8.1"
    node.exec(["systemctl", "stop", "php8.1-fpm"], check=True)
    node.exec(["rm", "-rf", "/etc/php/8.1", "/usr/sbin/php-fpm8.1", "/etc/systemd/system/php8.1-fpm.service"])
    node.exec(["systemctl", "daemon-reload"], check=True)


def _master(node: Node, owner: str) -> str:
    """Whose child answers the customer's visitors: the command line of the pool's master."""
    parent = run_php(node, owner, "echo posix_getppid();")
    return node.read(f"/proc/{parent}/cmdline")


def test_a_site_moves_between_php_versions(
    node: Node, connection: Connection, set_up: SetUp, second_version: str
) -> None:
    facts = set_up(*KINDS)
    found = perform(connection, adapters()["php_fpm"].discover())
    assert found == {"versions": ["8.1", "8.2"]}
    facts = replace(facts, discovered={**facts.discovered, "php_fpm": found})
    ursula, viktor = site("ursula"), site("viktor")
    carry_out(connection, plan({}, state_of((*ursula, *viktor))))
    new, old = pool("ursula"), replace(pool("ursula"), version="8.1")
    carry_out(connection, plan(state_of([new]), state_of([old])))
    assert perform(connection, adapters()["php_fpm"].observe(Scope(facts, owner="ursula"))) == (old,)
    assert "8.1" in _master(node, "ursula") and "8.2" in _master(node, "viktor")
    swapped = [new, replace(pool("viktor"), version="8.1")]
    carry_out(connection, plan(state_of([old, pool("viktor")]), state_of(swapped)))
    assert "8.2" in _master(node, "ursula") and "8.1" in _master(node, "viktor")
    carry_out(connection, plan(state_of(swapped), state_of([new, pool("viktor")])))
    assert "8.2" in _master(node, "ursula") and "8.2" in _master(node, "viktor")
    carry_out(connection, plan(state_of((*ursula, *viktor)), {}), Context())


def test_a_pool_under_two_versions_is_seen_and_settled(
    node: Node, connection: Connection, set_up: SetUp, second_version: str
) -> None:
    facts = set_up(*KINDS)
    facts = replace(facts, discovered={**facts.discovered, "php_fpm": {"versions": ["8.1", "8.2"]}})
    wanted = site("xenia")
    carry_out(connection, plan({}, state_of(wanted)))
    copy = "/etc/php/8.1/fpm/pool.d/npanel-xenia.conf"
    node.exec(["cp", "/etc/php/8.2/fpm/pool.d/npanel-xenia.conf", copy], check=True)
    (seen,) = perform(connection, adapters()["php_fpm"].observe(Scope(facts, owner="xenia")))
    assert isinstance(seen, PhpPool) and seen.edited == "also in PHP 8.1"
    carry_out(connection, plan(state_of([seen]), state_of([pool("xenia")])))
    assert perform(connection, adapters()["php_fpm"].observe(Scope(facts, owner="xenia"))) == (pool("xenia"),)
    assert "8.2" in _master(node, "xenia")
    carry_out(connection, plan(state_of(wanted), {}), Context())
