"""MariaDB on a real node: the contract, customers' data through a removal and back, and who may use what."""
# ruff: noqa: S608  (statements of the tests' own)

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.connections.base import Connection, Context, perform
from hosting.errors import ConfigurationInvalid, HostingError, ProbeFailed
from hosting.state import Change, Database, DatabaseUser, Grant, NodeFile, Ref, Resource, Secret, plan, state_of
from tests.contract.contract import Case, SetUp, carry_out, check_contract, new_context
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
OWNER = "dbcontract"
PASSWORD = "correct horse battery"
#: Everything that a dump can lose: types, odd names, views, triggers, routines, events, sequences, history, definers.
CUSTOMER_DATA = r"""
CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, b BLOB, s TEXT, ts TIMESTAMP(6), d DECIMAL(10,2), j JSON);
INSERT INTO t (b, s, ts, d, j) VALUES (x'00ff27', 'ö''\\ \n\r 💾', '2026-01-01 00:00:00.123456', 1.5, '{"a": 1}');
INSERT INTO t () VALUES ();
CREATE TABLE `we ird``\!` (a INT) ENGINE=MyISAM;
INSERT INTO `we ird``\!` VALUES (1);
CREATE VIEW v AS SELECT * FROM t;
CREATE DEFINER='dbcontract_rw'@'localhost' VIEW theirs AS SELECT id FROM t;
CREATE SEQUENCE numbers START WITH 7;
CREATE TABLE versions (a INT) WITH SYSTEM VERSIONING;
INSERT INTO versions VALUES (1);
UPDATE versions SET a = 2;
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.d = 2;
DELIMITER ;;
CREATE DEFINER='dbcontract_rw'@'localhost' PROCEDURE p() BEGIN SELECT '*/ ;; \\! x'; END;;
CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO SELECT 1;;
"""


def native_hash(password: str) -> Secret:
    """What MariaDB keeps of a password (mysql_native_password: SHA-1 twice)."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return Secret("*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper())


def database_user(name: str, *grants: Grant, **more: object) -> DatabaseUser:
    return DatabaseUser(OWNER, f"{OWNER}_{name}", native_hash(PASSWORD), grants=grants, **more)  # type: ignore[arg-type]


SHOP, BLOG = Database(OWNER, f"{OWNER}_shop"), Database(OWNER, f"{OWNER}_blog", "latin1", "latin1_swedish_ci")
WRITER = database_user("rw", Grant(SHOP.name))
READER = database_user("ro", Grant(BLOG.name, ("INSERT", "SELECT")), Grant(SHOP.name, ("SELECT",)), host="10.77.0.%")


@pytest.fixture(scope="module")
def facts(set_up: SetUp) -> NodeFacts:
    return set_up("mariadb")


@pytest.fixture
def made(connection: Connection, facts: NodeFacts) -> Iterator[None]:
    """SHOP, BLOG, WRITER and READER, for the time of a test."""
    everything = state_of([SHOP, BLOG, WRITER, READER])
    carry_out(connection, plan({}, everything), Context())
    yield
    carry_out(connection, plan(everything, {}), Context())


def ask(node: Node, statement: str, database: str = "") -> str:
    return node.exec(
        ["mariadb", "-BN", "--default-character-set=utf8mb4", *([database] if database else [])],
        input=statement,
        check=True,
    ).stdout


def dump_all(node: Node) -> str:
    """Everything of the owner's in MariaDB: data, definitions, accounts, rights, marks."""
    options = "--single-transaction --routines --triggers --events --hex-blob --dump-history --skip-dump-date".split()
    names = ask(node, f"SHOW DATABASES LIKE '{OWNER}\\_%'").split()
    data = [node.exec(["mariadb-dump", *options, "--databases", name], check=True).stdout for name in names]
    accounts = ask(node, f"SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.user WHERE User LIKE '{OWNER}%'")
    rights = [ask(node, f"SHOW GRANTS FOR {name}; SHOW CREATE USER {name}") for name in sorted(accounts.splitlines())]
    marks = ask(node, f"SELECT * FROM npanel.ownership WHERE owner = '{OWNER}' ORDER BY kind, name")
    return "\n".join([*data, *rights, marks])


def sign_in(node: Node, user: str, statement: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """Use MariaDB as a customer does."""
    node.write("/root/customer.cnf", f"[client]\nuser={user}\npassword={password}\n", mode="600")
    return node.exec(["mariadb", "--defaults-file=/root/customer.cnf", "-BN"], input=statement)


def apply(connection: Connection, before: Resource | None, after: Resource | None) -> None:
    carry_out(connection, plan(state_of(filter(None, [before])), state_of(filter(None, [after]))))


def observe(connection: Connection, facts: NodeFacts, ref: Ref) -> Resource | None:
    scope = Scope(facts, refs=frozenset([ref]))
    return state_of(perform(connection, adapters()["mariadb"].observe(scope))).get(ref)


def test_it_keeps_the_contract(node: Node, connection: Connection, facts: NodeFacts) -> None:
    check_contract(
        Case(
            adapters()["mariadb"],
            connection,
            node,
            facts,
            desired=(SHOP, BLOG, WRITER, READER),
            updated=(
                SHOP,
                replace(BLOG, charset="utf8mb4", collation="utf8mb4_general_ci"),
                replace(
                    WRITER, password_hash=native_hash("other"), grants=(Grant(BLOG.name), Grant(SHOP.name, ("DROP",)))
                ),
                replace(READER, locked=True, grants=(Grant(BLOG.name),)),
            ),
            populate=lambda: populate(node),
            evidence=lambda: dump_all(node),
        )
    )


def populate(node: Node) -> None:
    ask(node, CUSTOMER_DATA, SHOP.name)


@pytest.mark.usefixtures("made")
def test_a_customer_signs_in_and_reaches_only_what_is_theirs(node: Node) -> None:
    lookalike = f"{OWNER}Xshop"
    ask(node, f"CREATE DATABASE `{lookalike}`; CREATE TABLE `{lookalike}`.t (a INT)")
    use = f"USE {SHOP.name};"
    assert sign_in(node, WRITER.name, f"{use} CREATE TABLE x (a INT); INSERT INTO x VALUES (7)").returncode == 0
    assert sign_in(node, WRITER.name, f"{use} SELECT * FROM x").stdout == "7\n"
    for other in (BLOG.name, f"`{lookalike}`", "mysql", "npanel"):
        assert "denied" in sign_in(node, WRITER.name, f"USE {other}").stderr
    assert "denied" in sign_in(node, WRITER.name, f"CREATE DATABASE {OWNER}_other").stderr
    for trick in ("SELECT LOAD_FILE('/etc/passwd')", "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE x"):
        assert "root:" not in sign_in(node, WRITER.name, f"{use} {trick}; SELECT * FROM x").stdout
    assert "denied" in sign_in(node, WRITER.name, "SELECT 1", password="wrong").stderr
    ask(node, f"DROP DATABASE `{lookalike}`")


@pytest.mark.usefixtures("made")
def test_a_locked_or_dropped_account_loses_its_connections(node: Node, connection: Connection) -> None:
    for after in (replace(WRITER, locked=True), None):
        node.write("/root/customer.cnf", f"[client]\nuser={WRITER.name}\npassword={PASSWORD}\n", mode="600")
        command = ["mariadb", "--defaults-file=/root/customer.cnf", "-BN", "--unbuffered"]
        with subprocess.Popen(node.enter(command), stdin=-1, stdout=-1, stderr=-1, text=True) as session:
            assert session.stdin and session.stdout and session.stderr
            session.stdin.write("SELECT 'in';\n")
            session.stdin.flush()
            assert session.stdout.readline() == "in\n"
            apply(connection, WRITER, after)
            output, errors = session.communicate("SELECT 'still in';\n", timeout=60)
        assert "still in" not in output and ("gone away" in errors or "Lost connection" in errors or "killed" in errors)
        assert sign_in(node, WRITER.name, "SELECT 1").returncode != 0
        apply(connection, after, WRITER)
        assert sign_in(node, WRITER.name, "SELECT 1").stdout == "1\n"


def test_what_npanel_did_not_make_is_refused_and_left_alone(
    node: Node, connection: Connection, facts: NodeFacts
) -> None:
    stranger, account = Database(OWNER, f"{OWNER}_alien"), database_user("alien")
    ask(node, f"CREATE DATABASE {stranger.name}; CREATE TABLE {stranger.name}.t (a INT)")
    ask(node, f"CREATE USER {account.name}@localhost")
    before = dump_all(node)
    for resource, code in ((stranger, "database_taken"), (account, "database_user_taken")):
        assert observe(connection, facts, resource.ref) is None
        for sides in ((None, resource), (resource, None), (resource, resource)):
            with pytest.raises(HostingError) as caught:
                perform(connection, adapters()["mariadb"].apply(Change(*resource.ref, *sides), new_context()))
            assert caught.value.code == code
    assert dump_all(node) == before
    ask(node, f"DROP DATABASE {stranger.name}; DROP USER {account.name}@localhost")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "by_hand",
    [
        f"GRANT FILE ON *.* TO {WRITER.name}@localhost",
        f"GRANT SELECT ON `{SHOP.name}`.* TO {WRITER.name}@localhost",
        f"GRANT SELECT ON `{SHOP.name.replace('_', chr(92) + '_')}`.* TO {WRITER.name}@localhost WITH GRANT OPTION",
        f"GRANT SELECT ON mysql.global_priv TO {WRITER.name}@localhost",
        f"REVOKE DROP ON `{SHOP.name.replace('_', chr(92) + '_')}`.* FROM {WRITER.name}@localhost",
        f"CREATE OR REPLACE ROLE dbrole; GRANT dbrole TO {WRITER.name}@localhost",
        f"ALTER USER {WRITER.name}@localhost IDENTIFIED VIA unix_socket",
        f"ALTER USER {WRITER.name}@localhost IDENTIFIED BY 'changed'",
        f"ALTER USER {WRITER.name}@localhost ACCOUNT LOCK",
        f"DROP USER {WRITER.name}@localhost",
    ],
)
def test_what_somebody_changes_by_hand_is_seen_and_taken_back(
    node: Node, connection: Connection, facts: NodeFacts, by_hand: str
) -> None:
    rights = dump_all(node)
    ask(node, by_hand)
    seen = observe(connection, facts, WRITER.ref)
    assert seen != WRITER
    apply(connection, seen, WRITER)
    assert observe(connection, facts, WRITER.ref) == WRITER
    assert dump_all(node) == rights
    ask(node, "DROP ROLE IF EXISTS dbrole")


@pytest.mark.usefixtures("made")
def test_a_database_that_its_customer_made_again_is_still_ours(
    node: Node, connection: Connection, facts: NodeFacts
) -> None:
    again = f"DROP DATABASE {SHOP.name}; CREATE DATABASE {SHOP.name} CHARACTER SET latin1"
    assert sign_in(node, WRITER.name, again).returncode == 0
    seen = observe(connection, facts, SHOP.ref)
    assert seen == replace(SHOP, charset="latin1", collation="latin1_swedish_ci")
    apply(connection, seen, SHOP)
    assert observe(connection, facts, SHOP.ref) == SHOP


@pytest.mark.usefixtures("made")
def test_kept_data_is_roots_alone_and_comes_back_once(node: Node, connection: Connection) -> None:
    ask(node, "CREATE TABLE t (a INT); INSERT INTO t VALUES (1)", SHOP.name)
    operation = new_context()
    everything = state_of([SHOP, BLOG, WRITER, READER])
    carry_out(connection, plan(everything, {}), operation)
    folder = f"/var/lib/npanel/removed/{operation.removed_id}"
    modes = node.exec(["stat", "-c", "%a %U", folder, f"{folder}/database-{SHOP.name}.sql"], check=True).stdout
    assert modes.splitlines() == ["700 root", "600 root"]
    carry_out(connection, plan({}, everything), operation)
    ask(node, "INSERT INTO t VALUES (2)", SHOP.name)
    carry_out(connection, plan({}, everything), operation)
    assert ask(node, "SELECT a FROM t", SHOP.name).split() == ["1", "2"]


@pytest.mark.usefixtures("made")
def test_the_probe_uses_what_is_there(connection: Connection, facts: NodeFacts) -> None:
    mariadb = adapters()["mariadb"]
    assert [perform(connection, mariadb.probe(each, facts)) for each in (SHOP, WRITER, READER)] == [
        f"{SHOP.name} answers",
        f"{WRITER.name}@localhost is open, uses 1 database(s)",
        f"{READER.name}@10.77.0.% is open, uses 2 database(s)",
    ]
    with pytest.raises(ProbeFailed, match="Unknown database"):
        perform(connection, mariadb.probe(Database(OWNER, f"{OWNER}_none"), facts))
    with pytest.raises(ProbeFailed, match="no account"):
        perform(connection, mariadb.probe(database_user("none"), facts))
    with pytest.raises(ProbeFailed, match="another password and lock"):
        perform(connection, mariadb.probe(replace(WRITER, password_hash=native_hash("x"), locked=True), facts))


def test_a_failed_statement_does_not_show_the_password_hash(node: Node, connection: Connection) -> None:
    user = replace(WRITER, grants=())
    ask(node, "INSTALL SONAME 'simple_password_check'")
    try:
        with pytest.raises(HostingError, match="password") as caught:
            perform(connection, adapters()["mariadb"].apply(Change(*user.ref, None, user), new_context()))
    finally:
        ask(node, "UNINSTALL SONAME 'simple_password_check'")
    assert user.password_hash.value not in f"{caught.value!r} {caught.value.detail} {caught.value.__dict__}"
    carry_out(connection, plan(state_of([user]), {}), Context())


def test_a_configuration_that_the_server_refuses_is_named(node: Node, connection: Connection, facts: NodeFacts) -> None:
    mariadb = adapters()["mariadb"]
    (file,) = [resource for resource in mariadb.setup(facts) if isinstance(resource, NodeFile)]
    broken = replace(file, content="[mariadbd]\nfrobnicate = 1\n")
    with pytest.raises(ConfigurationInvalid, match="frobnicate") as caught:
        carry_out(connection, plan(state_of([file]), state_of([broken])))
    assert caught.value.path == file.path
    carry_out(connection, plan(state_of([broken]), state_of([file])))
    assert ask(node, "SELECT @@skip_name_resolve, @@local_infile, @@bind_address").split() == ["1", "0", "127.0.0.1"]


def test_a_service_takes_few_rounds(connection: Connection, facts: NodeFacts) -> None:
    everything = state_of([SHOP, BLOG, WRITER, READER])
    before = connection.round_trips
    carry_out(connection, plan({}, everything), Context())
    perform(connection, adapters()["mariadb"].observe(Scope(facts, owner=OWNER)))
    assert connection.round_trips - before <= 3
    carry_out(connection, plan(everything, {}), Context())
