"""The lab's own tests use the lab's fixtures."""

from .fixtures import fresh_node, lab, lab_node

__all__ = ["fresh_node", "lab", "lab_node"]
