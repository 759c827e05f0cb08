"""Transactions that are tried again, for hosting's services: see :mod:`observability.transactions`."""

from observability.transactions import is_transient, retried

__all__ = ["is_transient", "retried"]
