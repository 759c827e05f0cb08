"""The story of a site: from a wish to a served page with database and name, through its life, to its end and back."""
# ruff: noqa: E501 - configuration and PHP as somebody types them

import json
import re
import secrets

import pytest

from tests.live.panel import Account, Panel

pytestmark = pytest.mark.lab

#: Reads a sentence from the site's own database with the password that was shown for it.
DATABASE_PAGE = """<?php
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$database = new mysqli('localhost', '{name}', '{password}', '{name}');
if ($_SERVER['QUERY_STRING'] === 'fill') {{
    $database->query('CREATE TABLE sentence (words TEXT)');
    $database->execute_query('INSERT INTO sentence VALUES (?)', ['{words}']);
}}
echo $database->query('SELECT words FROM sentence')->fetch_row()[0], ' / ', $database->query('SELECT CURRENT_USER()')->fetch_row()[0];
"""

#: Tries what one customer's PHP must not be able to do, and says for each attempt what came of it.
INTRUDER_PAGE = """<?php
error_reporting(E_ALL);
set_error_handler(function ($number, $text) {{ echo "said: $text\\n"; return true; }});
function attempt(string $what, callable $deed): void {{
    try {{ $got = $deed(); }} catch (Throwable $error) {{ $got = false; echo 'threw: ', $error->getMessage(), "\\n"; }}
    echo $what, ': ', $got === false || $got === null ? 'refused' : 'GOT ' . (is_resource($got) ? 'a stream' : print_r($got, true)), "\\n";
}}
attempt('read', fn () => file_get_contents('{victim_file}'));
attempt('list', fn () => scandir('/home/{victim}'));
attempt('include', fn () => include '{victim_file}');
attempt('escape', function () {{ ini_set('open_basedir', '/'); return file_get_contents('{victim_file}'); }});
attempt('climb', function () {{
    mkdir('a'); chdir('a'); ini_set('open_basedir', '..');
    for ($i = 0; $i < 12; $i++) {{ chdir('..'); }}
    ini_set('open_basedir', '/');
    return file_get_contents('{victim_file}');
}});
attempt('link', function () {{ symlink('{victim_file}', __DIR__ . '/linked.txt'); return file_get_contents(__DIR__ . '/linked.txt'); }});
attempt('shell', fn () => shell_exec('cat {victim_file}'));
attempt('passwd', fn () => file_get_contents('/etc/passwd'));
attempt('socket', fn () => stream_socket_client('unix:///run/npanel/php/{victim}.sock', $number, $text, 5));
attempt('database', fn () => new mysqli('localhost', '{victim}_shop', '', '{victim}_shop'));
echo 'I am ', posix_getpwuid(posix_geteuid())['name'], "\\n";
"""
ATTEMPTS = ("read", "list", "include", "escape", "climb", "link", "shell", "passwd", "socket", "database")


@pytest.fixture(scope="module")
def shop(panel: Panel) -> Account:
    """A site with a PHP page that reads its own database."""
    account = Account("shop", "shop.example.test")
    panel.create(account)
    password = panel.database("shop", "shop")
    page = DATABASE_PAGE.format(name="shop_shop", password=password, words="a sentence kept in MariaDB")
    panel.upload(account.domain, "index.php", page)
    return account


def sentence(panel: Panel, account: Account) -> str:
    """What the site's page reads from its database."""
    return panel.visitor.get(account.domain, "/index.php").text


def test_a_new_service_answers_with_its_welcome_page(panel: Panel) -> None:
    account = Account("fresh", "fresh.example.test")
    operation = panel.create(account).json
    assert operation["state"] == "succeeded"
    answer = panel.visitor.get(account.domain)
    assert answer.status == 200
    assert "fresh.example.test" in answer.text
    probes = {probe["ref"]: probe["answer"] for probe in operation["result"]["probes"]}
    assert probes["virtual_host:fresh.example.test"] == "2 names served, PHP answers"


def test_a_page_shows_what_it_reads_from_its_own_database(panel: Panel, shop: Account) -> None:
    expected = "a sentence kept in MariaDB / shop_shop@localhost"
    assert panel.visitor.get(shop.domain, "/index.php?fill").text == expected
    assert sentence(panel, shop) == expected
    assert panel.visitor.get(shop.domain).text == expected


def test_a_database_password_that_was_made_is_shown_once_and_works(panel: Panel, shop: Account) -> None:
    done = panel.manage("database_create", "shop", "blog", "--yes", plain=True)
    shown = re.search(r"\(shown once\): (\S+)", done.out)
    assert shown is not None
    words = secrets.token_hex(8)
    page = DATABASE_PAGE.format(name="shop_blog", password=shown[1], words=words)
    panel.upload(shop.domain, "blog.php", page)
    assert panel.visitor.get(shop.domain, "/blog.php?fill").text == f"{words} / shop_blog@localhost"
    assert shown[1] not in panel.everything_written()


def test_the_name_server_knows_the_site(panel: Panel, shop: Account) -> None:
    address = panel.node.address
    soa = panel.visitor.dig(shop.domain, "SOA")
    assert soa[0].startswith("ns1.shop.example.test. hostmaster.shop.example.test. ")
    assert panel.visitor.dig(shop.domain, "A") == [address]
    assert panel.visitor.dig(f"www.{shop.domain}", "A") == [address]
    assert panel.visitor.dig(shop.domain, "NS") == ["ns1.shop.example.test.", "ns2.shop.example.test."]
    assert panel.visitor.dig("ns1.shop.example.test", "A") == [address]
    assert panel.visitor.dig("nobody.test", "A") == ["REFUSED"]


def test_www_is_the_same_site_and_an_unknown_host_gets_no_answer(panel: Panel, shop: Account) -> None:
    assert panel.visitor.get(f"www.{shop.domain}", "/index.php").text == sentence(panel, shop)
    for stranger in ("unknown.test", panel.node.address, f"else.{shop.domain}"):
        assert panel.visitor.get(stranger).status == 0, stranger


def test_a_file_that_begins_with_a_dot_is_refused(panel: Panel, shop: Account) -> None:
    root = f"/home/shop/sites/{shop.domain}/public"
    for path in (".env", ".git/config", "deep/.htpasswd", ".well-known/acme-challenge/token", ".well-known/note.txt"):
        panel.node.exec(["install", "-D", "-o", "shop", "-g", "shop", "/dev/stdin", f"{root}/{path}"], input="s3cret")
    for path in ("/.env", "/.git/config", "/deep/.htpasswd"):
        answer = panel.visitor.get(shop.domain, path)
        assert (answer.status, "s3cret" in answer.text) == (404, False), path
    assert panel.visitor.get(shop.domain, "/.well-known/note.txt").text == "s3cret"
    proof = panel.visitor.get(shop.domain, "/.well-known/acme-challenge/token")
    assert (proof.status, "s3cret" in proof.text) == (404, False), "what proves a name there is NPanel's (ADR 23)"


def test_another_customers_php_gets_nowhere(panel: Panel, shop: Account) -> None:
    panel.customer("intruder")
    victim_file = f"/home/shop/sites/{shop.domain}/public/index.php"
    panel.upload("intruder.test", "try.php", INTRUDER_PAGE.format(victim="shop", victim_file=victim_file))
    text = panel.visitor.get("intruder.test", "/try.php").text
    assert "I am intruder" in text
    for attempt in ATTEMPTS:
        assert f"\n{attempt}: refused" in f"\n{text}", text
    assert "GOT" not in text
    assert "open_basedir restriction in effect" in text
    # nginx follows no link to what the link's owner does not own, even if one were made without PHP.
    public = "/home/intruder/sites/intruder.test/public"
    panel.node.exec(["ln", "-s", victim_file, f"{public}/stolen.txt"], check=True)
    panel.node.exec(["chown", "-h", "intruder:intruder", f"{public}/stolen.txt"], check=True)
    assert panel.visitor.get("intruder.test", "/stolen.txt").status in (403, 404)


def test_another_customers_processes_get_nowhere(panel: Panel, shop: Account) -> None:
    """Even outside of PHP's own fences the kernel's hold."""
    panel.customer("neighbourly")
    programs = {
        "read": f"open('/home/shop/sites/{shop.domain}/public/index.php').read()",
        "list": "__import__('os').listdir('/home/shop')",
        "socket": "__import__('socket').socket(1).connect('/run/npanel/php/shop.sock')",
        "key": "open('/etc/powerdns/npanel/api.key').read()",
    }
    for what, program in programs.items():
        argv = ["setpriv", "--reuid=neighbourly", "--regid=neighbourly", "--clear-groups", "python3", "-c", program]
        done = panel.node.exec(argv)
        assert done.returncode == 1, what
        assert "PermissionError" in done.stderr, done.stderr


def test_a_suspended_service_shows_the_suspended_page_and_comes_back_exactly(panel: Panel, shop: Account) -> None:
    before, passwd = sentence(panel, shop), panel.node.read("/etc/passwd")
    panel.manage("service_suspend", "shop", "--yes", "--reason", "unpaid")
    for path in ("/", "/index.php", "/index.php?fill", "/.well-known/note.txt", "/nothing"):
        answer = panel.visitor.get(shop.domain, path)
        assert (answer.status, "MariaDB" in answer.text) == (503, False), path
        assert "suspended" in answer.text.lower()
    assert panel.is_as_wanted("shop")
    refused = panel.manage("service_suspend", "shop", "--yes", expect=1)
    assert refused.json["error"]["code"] == "wrong_state"
    panel.manage("service_resume", "shop", "--yes")
    assert sentence(panel, shop) == before
    assert panel.node.read("/etc/passwd") == passwd
    assert panel.is_as_wanted("shop")


def test_a_deleted_service_leaves_nothing_and_a_rollback_brings_it_back_with_its_data(
    panel: Panel, shop: Account
) -> None:
    before = sentence(panel, shop)
    assert before
    panel.delete("shop")
    assert panel.traces("shop") == []
    assert panel.visitor.get(shop.domain).status == 0
    assert panel.visitor.dig(shop.domain, "SOA") == ["REFUSED"]
    assert panel.drift() == []
    kept = panel.node.exec(["stat", "--format=%U %a", "/var/lib/npanel/removed"], check=True).stdout
    assert kept == "root 700\n"  # what a rollback needs is nobody's to read
    panel.manage("service_restore", "shop", "--yes", "--reason", "by mistake")
    assert sentence(panel, shop) == before
    assert panel.visitor.dig(shop.domain, "A") == [panel.node.address]
    assert panel.is_as_wanted("shop")
    assert panel.drift() == []


def test_a_purged_service_is_gone_for_good_and_its_archive_can_be_read(panel: Panel) -> None:
    account = Account("ending", "ending.example.test")
    panel.create(account)
    panel.database("ending", "shop")
    panel.upload(account.domain, "index.php", "<?php echo 'the last page';")
    deletion = panel.delete("ending")["operation"]
    kept = f"/var/lib/npanel/removed/{deletion}"
    assert panel.node.exec(["test", "-d", kept]).returncode == 0
    waits = panel.manage("service_purge", "ending", expect=2).json
    assert waits["plan"]["reversibility"] == "irreversible"
    purge = panel.confirm("service_purge", "ending", waits)
    assert panel.node.exec(["test", "-e", kept]).returncode == 1
    assert panel.node.exec(["ls", "/var/lib/npanel/removed"], check=True).stdout.count(deletion) == 0
    archive = f"/var/lib/npanel/archives/ending-{deletion}.tar.gz"
    assert panel.node.exec(["stat", "--format=%U %a", archive], check=True).stdout == "root 600\n"
    names = panel.node.exec(["tar", "--list", "--gzip", f"--file={archive}"], check=True).stdout
    assert "/public/index.php" in names and "ending_shop.sql" in names
    note = json.loads(panel.node.read(archive.replace(".tar.gz", ".json")))
    assert panel.node.exec(["sha256sum", archive], check=True).stdout.split()[0] == note["sha256"]
    assert note["sha256"][:16] in purge["result"]["probes"][0]["answer"]
    refused = panel.manage("service_restore", "ending", "--yes", expect=1)
    assert refused.json["error"]["code"] == "wrong_state"
    panel.create(Account("ending", account.domain))  # its names are free
    assert "the last page" not in panel.visitor.get(account.domain).text
    assert panel.drift() == []


def test_a_name_of_somebody_elses_is_refused_in_every_disguise(panel: Panel, shop: Account) -> None:
    for name in (shop.domain, "SHOP.Example.Test.", f"sub.{shop.domain}", "example.test"):
        wish = Account("thief", name)
        assert panel.create(wish, expect=1).json["error"]["code"] == "domain_taken", name
    taken = panel.create(Account("shop", "other.test"), expect=1)
    assert taken.json["error"]["code"] == "username_taken"
    assert panel.rows("SELECT id FROM hosting_hostingservice WHERE username = 'thief'") == []
