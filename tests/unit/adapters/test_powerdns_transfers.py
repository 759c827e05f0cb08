"""What the node's name server is told of secondaries: its configuration, and the script that settles its database."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosting.adapters.base import NodeFacts
from hosting.adapters.powerdns import node_database, setup
from hosting.state import NodeFile

#: The columns that the script works on (the whole schema comes with PowerDNS, and the live tests use it).
SCHEMA = """
CREATE TABLE domains (id INTEGER PRIMARY KEY, name TEXT UNIQUE, master TEXT, type TEXT, account TEXT, catalog TEXT);
CREATE TABLE records (id INTEGER PRIMARY KEY, domain_id INTEGER, name TEXT, type TEXT, content TEXT, ttl INTEGER,
    prio INTEGER, disabled INTEGER, auth INTEGER);
CREATE TABLE domainmetadata (id INTEGER PRIMARY KEY, domain_id INTEGER, kind TEXT, content TEXT);
CREATE TABLE cryptokeys (id INTEGER PRIMARY KEY, domain_id INTEGER);
CREATE TABLE comments (id INTEGER PRIMARY KEY, domain_id INTEGER);
CREATE TABLE tsigkeys (id INTEGER PRIMARY KEY, name TEXT, algorithm TEXT, secret TEXT);
"""
CATALOG, OTHERS = "web1.npanel.invalid", "web2.npanel.invalid"
KEY = {"name": f"ns2.example.net.{CATALOG}", "secret": "c2VjcmV0"}
FOLLOW = {"name": f"ns1.example.net.{OTHERS}", "secret": "b3RoZXI=", "catalog": OTHERS, "address": "192.0.2.2"}
Rows = list[tuple[Any, ...]]


class Server:
    """A name server's database, and what it is told at a start."""

    def __init__(self, folder: Path) -> None:
        self.database, self._schema, self._told = folder / "db", folder / "schema", folder / "told"
        self._schema.write_text(SCHEMA)

    def start(self, keys: Any = (), follows: Any = (), catalog: str = CATALOG) -> None:
        self._told.write_text(json.dumps({"catalog": catalog, "keys": list(keys), "follows": list(follows)}))
        node_database.main(self.database, self._schema, self._told)

    def run(self, statement: str, *values: Any) -> Rows:
        with sqlite3.connect(self.database) as connection:
            return connection.execute(statement, values).fetchall()

    def metadata(self, name: str) -> Rows:
        query = "SELECT kind, content FROM domainmetadata JOIN domains d ON d.id = domain_id WHERE name = ?"
        return sorted(self.run(query, name))

    def everything(self) -> list[Rows]:
        tables = ("domains", "records", "domainmetadata", "tsigkeys")
        return [self.run(f"SELECT * FROM {table} ORDER BY 1") for table in tables]  # noqa: S608


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One that hosts a zone, and has one of somebody else's."""
    server = Server(tmp_path)
    server.start()
    server.run("INSERT INTO domains (name, type, account) VALUES ('a.test', 'NATIVE', 'al'), ('by.hand', 'NATIVE', '')")
    server.run("INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('by.hand', 'hmac-md5', 'x')")
    yield server


def test_all_zones_are_shared_at_once_and_no_more(server: Server) -> None:
    before = server.everything()
    server.start([KEY])
    assert server.run("SELECT name, type, catalog FROM domains ORDER BY name") == [
        ("a.test", "MASTER", CATALOG), ("by.hand", "NATIVE", None), (CATALOG, "PRODUCER", None),
    ]  # fmt: skip
    assert server.metadata("a.test") == server.metadata(CATALOG) == [("TSIG-ALLOW-AXFR", KEY["name"])]
    assert server.run("SELECT type FROM records WHERE name = ? ORDER BY 1", CATALOG) == [("NS",), ("SOA",)]
    after = server.run("SELECT name, type, content FROM records")
    server.start([KEY])
    assert server.run("SELECT name, type, content FROM records") == after, "the serial of a catalog stays"
    server.start()
    assert server.everything() == before


def test_signed_zones_tell_of_new_signatures(server: Server) -> None:
    server.run("INSERT INTO cryptokeys (domain_id) SELECT id FROM domains WHERE name = 'a.test'")
    server.start([KEY])
    assert server.metadata("a.test") == [("SOA-EDIT", "INCEPTION-EPOCH"), ("TSIG-ALLOW-AXFR", KEY["name"])]
    server.start()
    assert server.metadata("a.test") == []


def test_another_key_comes_and_one_goes(server: Server) -> None:
    other = {"name": f"ns3.example.net.{CATALOG}", "secret": "eA=="}
    server.start([KEY, other])
    assert [content for _kind, content in server.metadata("a.test")] == [KEY["name"], other["name"]]
    server.start([other | {"secret": "eQ=="}])
    assert server.metadata("a.test") == [("TSIG-ALLOW-AXFR", other["name"])]
    assert server.run("SELECT name, secret FROM tsigkeys ORDER BY name") == [("by.hand", "x"), (other["name"], "eQ==")]


def test_a_catalog_is_followed_and_its_zones_have_its_key(server: Server) -> None:
    before = server.everything()
    server.start(follows=[FOLLOW])
    assert server.run("SELECT type, master FROM domains WHERE name = ?", OTHERS) == [("CONSUMER", "192.0.2.2")]
    server.run("INSERT INTO domains (name, type, master, account) VALUES ('theirs.test', 'SLAVE', '192.0.2.2', '')")
    server.run("UPDATE domains SET catalog = ? WHERE name = 'theirs.test'", OTHERS)
    server.run("INSERT INTO records (domain_id, name) SELECT id, name FROM domains WHERE name = 'theirs.test'")
    assert server.metadata("theirs.test") == [("AXFR-MASTER-TSIG", FOLLOW["name"])]
    server.start(follows=[FOLLOW | {"address": "192.0.2.3"}])
    assert server.metadata("theirs.test") == [("AXFR-MASTER-TSIG", FOLLOW["name"])]
    assert server.run("SELECT DISTINCT master FROM domains WHERE master IS NOT NULL") == [("192.0.2.3",)]
    server.start()
    assert server.everything() == before, "with its catalog a zone is forgotten; those of the node's own stay"


def configuration(**facts: Any) -> str:
    found = setup.node_resources(NodeFacts("web1", "web1.test", "192.0.2.1", ("192.0.2.1",), **facts))
    return next(f.content for f in found if isinstance(f, NodeFile) and f.path == setup.CONFIGURATION)


def test_without_secondaries_nobody_fetches_anything() -> None:
    text = configuration()
    assert "disable-axfr=yes\n" in text and "\nallow-axfr-ips=\n" in text and "\nallow-notify-from=\n" in text
    assert "\nprimary=" not in text and "\nsecondary=" not in text and "{" not in text


def test_the_configuration_names_who_is_told_and_who_may_tell() -> None:
    text = configuration(secondaries=("192.0.2.53", "2001:DB8::53"), primaries=("192.0.2.2",))
    assert "also-notify=192.0.2.53, 2001:db8::53\n" in text and "allow-notify-from=192.0.2.2\n" in text
    assert "\nallow-axfr-ips=\n" in text and "\nonly-notify=\n" in text, "keys alone open a zone"


def test_what_is_no_address_gets_into_no_configuration() -> None:
    for wrong in ("192.0.2.1\nallow-axfr-ips=0.0.0.0/0", "x", "192.0.2.0/24"):
        with pytest.raises(ValueError, match="address"):
            configuration(secondaries=(wrong,))
