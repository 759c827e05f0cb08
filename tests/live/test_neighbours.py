"""What is broken by hand on a node harms nobody else: neighbours are served without a gap while others come and go."""
# ruff: noqa: E501 - configuration and PHP as somebody types them

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.live.panel import Account, Panel
from tests.live.visitor import Prober

pytestmark = pytest.mark.lab

NGINX_SITES = "/etc/nginx/npanel/sites"
POOLS = "/etc/php/8.2/fpm/pool.d"
QUARANTINE = "/var/lib/npanel/quarantine"


@dataclass(frozen=True, slots=True)
class Blunder:
    """A file that somebody who is root puts somewhere, and what is wrong with it."""

    path: str
    text: str


BLUNDERS = {
    "among-the-panels-sites": Blunder(f"{NGINX_SITES}/legacy.conf", "server { listen 80; server_name old.test;\n"),
    "in-conf-d": Blunder("/etc/nginx/conf.d/aaa.conf", "server { listen 80; server_name a.test; no_such_thing on; }\n"),
    "in-sites-enabled": Blunder(
        "/etc/nginx/sites-enabled/forgotten",
        "server { listen 443 ssl; server_name b.test; ssl_certificate /etc/ssl/gone.pem; ssl_certificate_key /etc/ssl/gone.key; }\n",
    ),
    "a-neighbours-name-again": Blunder(
        "/etc/nginx/conf.d/aaa-hijack.conf", 'server { listen 80; server_name north.test; return 200 "hijacked"; }\n'
    ),
    "a-php-pool": Blunder(f"{POOLS}/zz-forgotten.conf", "[forgotten]\nuser = nobody-of-this-name\nlisten = /run/x.sock\npm = static\n"),
}  # fmt: skip


@pytest.fixture(scope="module")
def neighbours(panel: Panel) -> tuple[Account, Account]:
    """Two customers with pages of their own."""
    return panel.customer("north"), panel.customer("south")


def quarantined(panel: Panel) -> list[dict[str, str]]:
    """What the audit events say of files that were moved aside, oldest first."""
    return [row["after"] for row in panel.rows("SELECT * FROM audit_event WHERE verb = 'file.quarantine' ORDER BY id")]


def create_beside(panel: Panel, neighbours: tuple[Account, Account], username: str) -> list[Prober]:
    """Create a third customer while both neighbours are asked all the time; their answers must all be right."""
    third = Account(username, f"{username}.test")
    with panel.visitor.probing(*(neighbour.site for neighbour in neighbours)) as probers:
        operation = panel.create(third).json
    assert operation["state"] == "succeeded", operation["error"]
    assert panel.visitor.get(third.domain).status == 200
    assert panel.drift() == []
    return probers


@pytest.mark.parametrize("number, name", list(enumerate(BLUNDERS)), ids=list(BLUNDERS))
def test_a_strangers_broken_file_is_moved_aside_and_named(
    number: int, name: str, panel: Panel, neighbours: tuple[Account, Account], say: Callable[[str], None]
) -> None:
    blunder, before = BLUNDERS[name], len(quarantined(panel))
    panel.node.write(blunder.path, blunder.text)
    probers = create_beside(panel, neighbours, f"third{number}")
    for prober in probers:
        say(f"{name}: {prober.site.host} {prober.count} probes, {prober.rate:.0f}/s, {len(prober.faults)} failed")
    (moved,) = quarantined(panel)[before:]
    assert moved["path"] == blunder.path
    assert panel.node.read(moved["kept_at"]) == blunder.text
    assert moved["kept_at"].startswith(QUARANTINE)
    assert panel.node.exec(["stat", blunder.path]).returncode != 0


@pytest.mark.parametrize(
    "username, path",
    [("east", f"{NGINX_SITES}/south.south.test.conf"), ("west", f"{POOLS}/npanel-south.conf")],
    ids=["site", "php-pool"],
)
def test_a_customers_own_file_that_was_broken_is_put_right(
    username: str, path: str, panel: Panel, neighbours: tuple[Account, Account]
) -> None:
    right, before = panel.node.read(path), len(quarantined(panel))
    panel.node.write(path, right + "\nsomebody typed = this\n")
    create_beside(panel, neighbours, username)
    assert panel.node.read(path) == right
    assert [moved["path"] for moved in quarantined(panel)[before:]] == [path]


def test_a_file_that_is_not_the_panels_to_move_stops_the_operation_with_its_name(
    panel: Panel, neighbours: tuple[Account, Account]
) -> None:
    path = "/etc/nginx/nginx.conf"
    right = panel.node.read(path)
    panel.node.write(path, right.replace("http {", "http {\n  no_such_thing on;"))
    late = Account("late", "late.test")
    with panel.visitor.probing(*(neighbour.site for neighbour in neighbours)):
        operation = panel.create(late, expect=1).json
        assert operation["state"] == "rolled_back"
        assert path in operation["error"]["detail"] + operation["error"]["hint"]
        assert panel.traces("late") == []
        panel.node.write(path, right)
        panel.manage("service_apply", "late", "--yes")
    assert panel.visitor.get(late.domain).status == 200


# --- drift ----------------------------------------------------------------------------------------------------------


def append(path: str, text: str) -> Callable[[Panel], None]:
    """Somebody adds a line to a file."""
    return lambda panel: panel.node.write(path, panel.node.read(path) + text)


def run(*argv: str, typed: str = "") -> Callable[[Panel], None]:
    """Somebody runs a command as root."""

    def deed(panel: Panel) -> None:
        panel.node.exec(argv, input=typed, check=True)

    return deed


def name_server(method: str, path: str, body: str = "") -> Callable[[Panel], None]:
    """Somebody talks to PowerDNS' own API."""
    program = (
        "import sys, urllib.request as r; key = open('/etc/powerdns/npanel/api.key').read().strip();"
        "url = 'http://127.0.0.1:8081/api/v1/servers/localhost' + sys.argv[2];"
        "r.urlopen(r.Request(url, sys.argv[3].encode() or None, {'X-API-Key': key}, method=sys.argv[1]))"
    )
    return run("python3", "-c", program, method, path, body)


def txt_record(name: str, content: str) -> str:
    """The body that adds a TXT record."""
    return (
        f'{{"rrsets": [{{"name": "{name}.", "type": "TXT", "ttl": 300, "changetype": "REPLACE",'
        f' "records": [{{"content": "\\"{content}\\"", "disabled": false}}]}}]}}'
    )


BY_HAND: dict[str, tuple[str, Callable[[Panel], None]]] = {
    "site edited": ("virtual_host", append(f"{NGINX_SITES}/north.north.test.conf", "# quick fix\n")),
    "site removed": ("virtual_host", run("rm", f"{NGINX_SITES}/north.north.test.conf")),
    "pool edited": ("php_pool", append(f"{POOLS}/npanel-north.conf", "php_admin_value[memory_limit] = 4G\n")),
    "home opened": ("system_user", run("chmod", "0755", "/home/north")),
    "shell given": ("system_user", run("usermod", "--shell", "/bin/bash", "north")),
    "record added": ("dns_zone", name_server("PATCH", "/zones/north.test.", txt_record("x.north.test", "by hand"))),
    "zone removed": ("dns_zone", name_server("DELETE", "/zones/north.test.")),
    "database rights": ("database_user", run("mariadb", typed="GRANT ALL ON *.* TO north_main@localhost")),
    "database password": (
        "database_user",
        run("mariadb", typed="SET PASSWORD FOR north_main@localhost = PASSWORD('a guess')"),
    ),
    "node file edited": ("node_file", append("/etc/nginx/npanel/site.conf", "# tuned\n")),
    "daemon stopped": ("daemon_unit", run("systemctl", "stop", "php8.2-fpm.service")),
}


@pytest.fixture(scope="module")
def with_database(panel: Panel, neighbours: tuple[Account, Account]) -> None:
    """One of the neighbours has a database."""
    panel.database("north", "main")


@pytest.mark.parametrize("what", list(BY_HAND))
def test_a_change_by_hand_is_found_shown_and_repaired(
    what: str, panel: Panel, neighbours: tuple[Account, Account], with_database: None
) -> None:
    kind, blunder = BY_HAND[what]
    assert panel.drift() == []
    blunder(panel)
    (item,) = panel.drift()
    assert item["kind"] == kind
    assert any(line.startswith(("+", "-")) for line in item["diff"]), item["diff"]
    with panel.visitor.probing(neighbours[1].site) if kind != "daemon_unit" else panel.visitor.probing():
        repaired = panel.manage("drift", "--repair", str(item["id"]), "--yes").json
    assert repaired["state"] == "succeeded"
    assert panel.drift() == []
    assert panel.visitor.get("north.test", "/page.php").text == "page of north"
    assert panel.visitor.dig("north.test", "A") == [panel.node.address]


def test_a_record_that_was_added_by_hand_can_be_adopted(panel: Panel, neighbours: tuple[Account, Account]) -> None:
    name_server("PATCH", "/zones/south.test.", txt_record("_acme.south.test", "kept by hand"))(panel)
    (item,) = panel.drift()
    assert any("kept by hand" in line for line in item["diff"])
    panel.manage("drift", "--adopt", str(item["id"]))
    assert panel.drift() == []
    (row,) = panel.rows("SELECT name, type, content, ttl FROM hosting_dnsrecord WHERE name = '_acme'")
    assert (row["type"], row["content"], row["ttl"]) == ("TXT", '"kept by hand"', 300)
    assert panel.visitor.dig("_acme.south.test", "TXT") == ['"kept by hand"']
    assert panel.is_as_wanted("south")


def test_what_no_setting_can_hold_is_not_adopted(panel: Panel, neighbours: tuple[Account, Account]) -> None:
    append(f"{NGINX_SITES}/south.south.test.conf", "# by hand\n")(panel)
    (item,) = panel.drift()
    done = panel.manage("drift", "--adopt", str(item["id"]), expect=1)
    assert done.json["error"]["code"] == "not_adoptable"
    (again,) = panel.drift()
    assert again["key"] == "south.test"
    assert panel.rows("SELECT out_of_sync FROM hosting_hostingservice WHERE username = 'south'") == [{"out_of_sync": 0}]
    panel.manage("drift", "--repair", str(again["id"]), "--yes")
    assert panel.drift() == []
