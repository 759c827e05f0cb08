"""People of these tests."""

import pytest

from audit.actor import Actor
from tests import people


@pytest.fixture
def admin_actor() -> Actor:
    """An administrator who acts."""
    return people.operator()
