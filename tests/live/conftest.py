"""The lab's fixtures for all live tests: one node for the session, further ones on demand."""

from tests.lab.fixtures import fresh_node, lab, lab_node  # noqa: F401
