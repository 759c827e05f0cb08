"""How NPanel talks to MariaDB: the command-line client as root through the socket, SQL on its standard input."""

import re

from hosting.connections.base import Run
from hosting.errors import CommandFailed

# No option file can redirect it, and a failed statement (it may hold a password hash) is not printed.
_CLIENT = (
    "mariadb",
    "--no-defaults",
    "--protocol=socket",
    "--batch",
    "--raw",
    "--skip-column-names",
    "--default-character-set=utf8mb4",
    "--local-infile=0",
    "--loose-skip-print-query-on-error",
    "--loose-abort-source-on-error",
    "--max-allowed-packet=1G",
)
_DUMP = (
    "mariadb-dump",
    "--no-defaults",
    "--protocol=socket",
    "--single-transaction",
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--loose-dump-history",
    "--skip-comments",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)
_LONG = 3600.0
_SECRET = re.compile(r"\*[0-9A-Fa-f]{40}")
#: What mariadb-dump ends with when something is wrong, e.g. the database is not there.
DUMP_FAILED = 2


def run(script: str, timeout: float = 60.0) -> Run:
    """The request that runs SQL."""
    return Run(_CLIENT, stdin=script.encode(), timeout=timeout)


def run_long(script: str) -> Run:
    """The request that runs SQL which may take an hour."""
    return run(script, _LONG)


def dump(database: str, path: str) -> Run:
    """The request that writes a dump of one database (its name is the one thing that has to be an argument)."""
    return Run((*_DUMP, f"--result-file={path}", database), timeout=_LONG, ok=(0, DUMP_FAILED))


def said(error: CommandFailed) -> CommandFailed:
    """The same error without anything that looks like a password hash."""
    clean = error.detail_text.with_values(lambda value: _SECRET.sub("(hash)", value))
    return CommandFailed(clean, argv=error.argv, exit_status=error.exit_status, hint=error.hint_text)
