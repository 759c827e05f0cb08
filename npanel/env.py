"""Reads NPanel's settings from the environment and from key files, refusing values that make no sense."""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent


class BadSetting(Exception):
    """An environment variable holds a value that can't be meant."""


def text(name: str, default: str = "") -> str:
    """The variable ``NPANEL_<name>`` (surrounding blanks removed)."""
    return os.environ.get(f"NPANEL_{name}", default).strip()


def boolean(name: str, default: bool = False) -> bool:
    """A yes/no variable: 1, true, yes, on or 0, false, no, off.

    Raises:
        BadSetting: anything else.
    """
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadSetting(f"NPANEL_{name} must be true or false, not {value!r}")


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """A variable with a fixed set of values.

    Raises:
        BadSetting: the value is not among ``allowed``.
    """
    value = text(name, default)
    if value not in allowed:
        raise BadSetting(f"NPANEL_{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def number(name: str, default: int) -> int:
    """A whole number.

    Raises:
        BadSetting: it is not one.
    """
    value = text(name, str(default))
    if not value.lstrip("-").isdigit():
        raise BadSetting(f"NPANEL_{name} must be a whole number, not {value!r}")
    return int(value)


def path(name: str, default: Path) -> Path:
    """A file or directory."""
    return Path(text(name) or default)


def log_lines(interface: str) -> dict[str, Any]:
    """Where the lines of a process go, as :func:`observability.logging.configure` wants it.

    ``NPANEL_LOG_FILE`` is a file for all of them, ``-`` is standard error alone. Without it servers write to standard
    error and to a file of their own in the log folder, which the timeline reads; commands, whose standard error is for
    people, only to the file.
    """
    name = "portal" if interface == "customer" else interface
    given = text("LOG_FILE")
    file = Path(given) if given else path("LOG_DIR", path("VAR_DIR", BASE_DIR / "var") / "log") / f"{name}.log"
    with_stream = given == "-" or (not given and interface != "command")
    with_file = given != "-" and (not with_stream or _can_append(file))
    if with_file:
        file.parent.mkdir(parents=True, exist_ok=True)
    return {
        "service": f"npanel-{name}",
        "stream": "stderr" if with_stream else None,
        "file": str(file) if with_file else None,
    }


def _can_append(file: Path) -> bool:
    """Whether a file can be written to; a server without a log folder has its standard error all the same."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("ab").close()
    except OSError:
        return False
    return True


def secret(name: str, *, generate_in: Path | None = None) -> str:
    """A secret from ``NPANEL_<name>``, the file ``NPANEL_<name>_FILE``, or a file made on first use.

    Args:
        generate_in: where to keep a generated one (mode 0600); without it a missing secret is an error.

    Raises:
        BadSetting: there is none and none may be made.
    """
    if value := text(name):
        return value
    file = path(f"{name}_FILE", generate_in or Path("/nonexistent"))
    if file.exists():
        return file.read_text().strip()
    if generate_in is None:
        raise BadSetting(f"set NPANEL_{name} or NPANEL_{name}_FILE")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_once(file, secrets.token_urlsafe(48))
    return file.read_text().strip()


def optional_secret(name: str) -> str:
    """A secret from ``NPANEL_<name>`` or the file ``NPANEL_<name>_FILE``, empty where neither is set.

    Raises:
        BadSetting: the file is not there.
    """
    return secret(name) if text(name) or text(f"{name}_FILE") else ""


def _write_once(file: Path, value: str) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as handle:
        handle.write(value)


def database(default: str) -> dict[str, Any]:
    """Django's database settings from ``NPANEL_DATABASE_URL``.

    ``sqlite:///absolute/path`` or ``mysql://user:password@host:port/name[?unix_socket=/path]``.

    Raises:
        BadSetting: another scheme.
    """
    url = urlsplit(text("DATABASE_URL", default))
    if url.scheme == "sqlite":
        return _sqlite(unquote(url.path))
    if url.scheme in {"mysql", "mariadb"}:
        return _mariadb(url.username, url.password, url.hostname, url.port, url.path, parse_qs(url.query))
    raise BadSetting(f"NPANEL_DATABASE_URL must start with sqlite:// or mysql://, not {url.scheme}://")


def _sqlite(file: str) -> dict[str, Any]:
    return {
        "ENGINE": "django_prometheus.db.backends.sqlite3",
        "NAME": file,
        # A file for tests as well: connections to a database in memory share locks that no real one has. Each test run
        # has its own, so that two of them in one checkout do not take each other's away.
        "TEST": {"NAME": str(Path(file).with_name(f"test_{os.getpid()}_{Path(file).name}"))},
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            # FULL: an operation's journal must survive a power cut.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;",
        },
    }


def _mariadb(
    user: str | None, password: str | None, host: str | None, port: int | None, name: str, query: dict[str, list[str]]
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "init_command": "SET sql_mode='STRICT_ALL_TABLES', innodb_lock_wait_timeout=20",
    }
    if "unix_socket" in query:
        options["unix_socket"] = query["unix_socket"][0]
    return {
        "ENGINE": "django_prometheus.db.backends.mysql",
        "NAME": name.strip("/"),
        "USER": unquote(user or ""),
        "PASSWORD": unquote(password or ""),
        "HOST": host or "",
        "PORT": str(port or ""),
        "OPTIONS": options,
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 60,
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"},
    }


def prepare_metrics_directory() -> None:
    """Point prometheus_client at the shared directory; must run before anything imports that library."""
    directory = path("METRICS_DIR", path("VAR_DIR", BASE_DIR / "var") / "metrics")
    directory.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(directory))
