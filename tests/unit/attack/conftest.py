"""What the reproductions need: two tenants' world and a fresh cache."""

from tests.unit.accounts.conftest import admin_actor, customer, portal  # noqa: F401
from tests.unit.api.conftest import admin, fresh_counters  # noqa: F401
