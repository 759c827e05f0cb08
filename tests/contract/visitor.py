"""A visitor of a lab node's sites: plain HTTP from outside of the node, by name, without a resolver."""

import http.client
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.lab.nodes import Node

_background = ThreadPoolExecutor(4, thread_name_prefix="visitor")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when the server hung up without a word."""

    status: int
    text: str
    headers: dict[str, str]


def visit(node: Node, host: str, path: str = "/", method: str = "GET") -> Answer:
    """One request for ``http://HOST/PATH`` at the node's address."""
    connection = http.client.HTTPConnection(node.address, timeout=60)
    try:
        connection.request(method, path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        return Answer(response.status, response.read().decode("utf-8", "replace"), dict(response.getheaders()))
    except http.client.RemoteDisconnected:
        return Answer(0, "", {})
    finally:
        connection.close()


def visit_later(node: Node, host: str, path: str = "/") -> "Future[Answer]":
    """The same in the background."""
    return _background.submit(visit, node, host, path)


def visit_until(seen: Callable[[], object]) -> None:
    """Come back until something is seen (a reload by somebody else does not say when it is over).

    Raises:
        AssertionError: not within a minute.
    """
    deadline = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < deadline, "not seen within a minute"
        time.sleep(0.1)
