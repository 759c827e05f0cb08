"""Signing zones: one key each (CSK, ECDSAP256SHA256), made on the node; when it goes, it is kept aside there."""

import json

from hosting.adapters.powerdns.api import call, content, expect, purge
from hosting.adapters.powerdns.zones import Json, is_shared, raised, settings
from hosting.connections.base import MakeDirectory, Move, Read, Request, Stat, Steps, Write

_NEW_KEY = {"keytype": "csk", "active": True, "published": True, "algorithm": "ECDSAP256SHA256"}
#: What of a key brings it back.
_OF_A_KEY = ("keytype", "active", "published", "privatekey")


def kept_at(removed: str) -> str:
    """Where the keys of a removed (or no longer signed) zone lie, below what an operation keeps ("": nowhere)."""
    return f"{removed}.keys" if removed else ""


def sign(name: str, kept: str, *, shared: bool = False) -> Steps[None]:
    """Sign a zone: with the keys that this operation has kept of it, else with a new one."""
    if not (yield from _restored(name, kept)):
        replies = yield [call("POST", f"/zones/{name}./cryptokeys", _NEW_KEY)]
        expect(replies[0], 201)
    path = f"/zones/{name}."
    wanted = settings(signed=True, shared=shared)
    replies = yield [call("PUT", path, wanted), call("PUT", f"{path}/rectify"), purge(name)]
    expect(replies[0], 204)
    expect(replies[1], 200)


def unsign(name: str, current: Json, kept: str) -> Steps[None]:
    """Sign a zone no more; its keys are kept first.

    Secondaries saw its serial rise with the time. Now it stands still, so it has to be above all that they saw first.
    """
    yield from keep(name, kept)
    path, plain = f"/zones/{name}.", {"dnssec": False, "api_rectify": False}
    requests: list[Request] = [call("PUT", path, plain)]
    if is_shared(current):
        raising = call("PATCH", path, {"rrsets": raised(current)})
        requests = [raising, call("PUT", path, {**plain, "soa_edit": ""})]
    for reply in (yield [*requests, purge(name)])[: len(requests)]:
        expect(reply, 204)


def keep(name: str, kept: str) -> Steps[None]:
    """Write a zone's keys to a file that only root reads. A zone without keys overwrites none that are kept."""
    if not kept:
        return
    replies = yield [call("GET", f"/zones/{name}./cryptokeys")]
    numbers = [key["id"] for key in content(replies[0])]
    asked: list[Request] = [call("GET", f"/zones/{name}./cryptokeys/{number}") for number in numbers]
    keys = [content(reply) for reply in (yield asked)] if asked else []
    if keys:
        data = json.dumps([{word: key[word] for word in _OF_A_KEY} for key in keys]).encode()
        yield [MakeDirectory(kept.rpartition("/")[0], mode=0o700), Write(kept, data, mode=0o600)]


def _restored(name: str, kept: str) -> Steps[bool]:
    """Bring kept keys back; the file is renamed afterwards, so that they come back once."""
    if not kept:
        return False
    (found,) = yield [Stat(kept)]
    if not found.exists:
        return False
    (file,) = yield [Read(kept)]
    replies = yield [call("POST", f"/zones/{name}./cryptokeys", key) for key in json.loads(file.data)]
    for reply in replies:
        expect(reply, 201)
    yield [Move(kept, f"{kept}.restored", replace=True)]
    return True
