"""One local agent for all tests of a module, and a directory that only root can change."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from hosting.connections.local import LocalConnection

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users, which only root may")


@pytest.fixture(scope="module")
def local() -> Iterator[LocalConnection]:
    connection = LocalConnection()
    yield connection
    connection.close()


@pytest.fixture
def place() -> Iterator[str]:
    """Below /var/lib, since everything below /tmp is a place where others can put things."""
    path = tempfile.mkdtemp(prefix="npanel-test-", dir="/var/lib" if os.geteuid() == 0 else None)
    os.chmod(path, 0o755)  # noqa: S103 (a customer's directory lies below it)
    yield path
    shutil.rmtree(path)
