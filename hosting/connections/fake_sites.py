"""nginx and php-fpm of a fake node: files are tested and taken up as the real ones do, and sites answer from them."""

import hashlib
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.connections.agent.wire import Refused
from hosting.connections.base import Reply, Run
from hosting.connections.fake_tree import Entry

if TYPE_CHECKING:
    from hosting.connections.fake_node import FakeNode

_INCLUDED = ("/etc/nginx/conf.d", "/etc/nginx/npanel/sites", "/etc/nginx/sites-enabled")
_PROBE, _PING = "/.well-known/npanel-probe", "/.well-known/npanel-php"
_SOCKETS = "/run/npanel/php"
_KEY_END, _CERTIFICATE_END = "-----END PRIVATE KEY-----\n", "-----END CERTIFICATE-----\n"
_NGINX_WORDS = frozenset(
    """
    server server_name listen root index include access_log error_log location return set try_files fastcgi_pass
    fastcgi_param fastcgi_index if server_tokens server_names_hash_max_size server_names_hash_bucket_size geo default
    client_max_body_size log_format default_type error_page internal add_header disable_symlinks upstream map proxy_pass
    expires fastcgi_read_timeout worker_shutdown_timeout types_hash_max_size gzip ssl_certificate
    ssl_certificate_key ssl ssl_protocols ssl_ciphers ssl_session_cache ssl_session_tickets ssl_reject_handshake
    """.split()
)
_POOL_LINE = re.compile(
    r"user|group|listen(?:\.\w+)?|pm(?:\.\w+)?|ping\.\w+|chdir|security\.limit_extensions|env\[\w+\]|catch_workers_output"
    r"|php_(?:admin_)?(?:value|flag)\[[\w.]+\]|request_\w+|process_control_timeout"
)


_MACHINE = b'{"hostname": "fake", "cpus": 2, "memory_mb": 4096, "kernel": "6.1", "os": "Debian GNU/Linux 12"}'


@dataclass(frozen=True, slots=True)
class FakeSite:
    """One server block as it is served."""

    path: str
    names: tuple[str, ...]
    root: str
    socket: str
    suspended: bool
    pem: str = ""


class FakeSites:
    """What nginx and php-fpm serve; changes count from the next reload."""

    def __init__(self, node: "FakeNode") -> None:
        self._node = node
        self.served: list[FakeSite] = []
        self._shown: dict[str, str] = {}
        self.pools: dict[str, str] = {}
        self.reloads = {"nginx": 0, "php": 0}
        versions = ("7.4", "8.0", "8.1", "8.2", "8.3", "8.4", "8.5")
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {
            "nginx": self._nginx,
            "python3": self._python,
            **{f"php-fpm{version}": self._php_test for version in versions},
        }

    def answer(self, host: str, path: str, *, local: bool) -> Reply:
        """What nginx answers.

        Raises:
            Refused: it does not run, or nobody has that name (the default server hangs up: 444).
        """
        site = next((s for s in self.served if any(_matches(name, host) for name in s.names)), None)
        if site is None or not self._node.system.running("nginx.service"):
            raise Refused("http_failed", f"GET http://{host}{path}: no answer")
        if path == _PROBE and local:
            return self._probe(site)
        if site.suspended:
            return Reply(status=503, stdout=b"<!doctype html><h1>This site is suspended</h1>")
        if path == _PING and local:
            said = self.pools.get(site.socket)
            return Reply(status=200, stdout=said.encode()) if said else Reply(status=502, stdout=b"Bad Gateway")
        return self._page(site, path)

    def certificate_of(self, host: str) -> str:
        """SHA-256 of the certificate that a name is served with, as it was at the last reload."""
        site = next((s for s in self.served if any(_matches(name, host) for name in s.names)), None)
        return self._shown.get(site.pem, "") if site else ""

    def _read_certificates(self) -> dict[str, str]:
        paths = [site.pem for site in self.served if site.pem]
        return {path: _fingerprint(self._node.content(path).decode()) for path in paths}

    def _probe(self, site: FakeSite) -> Reply:
        if not self._node.exists(site.root):
            return Reply(status=500, stdout=f"the web server cannot reach {site.root}\n".encode())
        word = "suspended" if site.suspended else "served"
        return Reply(status=200, stdout=f"{word} {site.names[0]} {site.root}\n".encode())

    def _page(self, site: FakeSite, path: str) -> Reply:
        for name in ("index.php", "index.html") if path.endswith("/") else ("",):
            if self._node.exists(file := f"{site.root}{path}{name}"):
                if file.endswith(".php") and site.socket not in self.pools:
                    return Reply(status=502, stdout=b"Bad Gateway")
                return Reply(status=200, stdout=self._node.content(file))
        return Reply(status=404, stdout=b"Not Found")

    # --- nginx

    def _nginx(self, words: list[str], run: Run) -> Reply:
        status, message = self._test()
        return Reply(exit_status=status, stderr=message.encode())

    def _test(self) -> tuple[int, str]:
        """Exit status and output of ``nginx -t``."""
        seen: dict[str, str] = {}
        warnings = []
        default = ""
        for path, text in self._files():
            missing = [pem for site in _sites(path, text) if (pem := site.pem) and not self._node.exists(pem)]
            if missing:
                return 1, f'nginx: [emerg] cannot load certificate "{missing[0]}": no such file\n'
            if fault := _nginx_fault(text):
                failed = "nginx: configuration file /etc/nginx/nginx.conf test failed\n"
                return 1, f"nginx: [emerg] {fault[0]} in {path}:{fault[1]}\n{failed}"
            if "default_server" in text and default:
                return 1, f"nginx: [emerg] a duplicate default server for 0.0.0.0:80 in {path}:2\n"
            default = default or (path if "default_server" in text else "")
            for name in (name for site in _sites(path, text) for name in site.names if name != "_"):
                if name in seen:
                    warnings.append(f'nginx: [warn] conflicting server name "{name}" on 0.0.0.0:80, ignored\n')
                seen.setdefault(name, path)
        return 0, "".join(warnings) + "nginx: configuration file /etc/nginx/nginx.conf test is successful\n"

    def _files(self) -> Iterator[tuple[str, str]]:
        for directory in _INCLUDED:
            entries = self._node.tree.at(directory).children if self._node.exists(directory) else {}
            for name, entry in sorted(entries.items()):
                if entry.type == "link" and self._node.exists(entry.target):
                    entry = self._node.tree.at(entry.target)
                if entry.type == "file" and (name.endswith(".conf") or directory.endswith("sites-enabled")):
                    yield f"{directory}/{name}", entry.data.decode("utf-8", "replace")

    def _python(self, words: list[str], run: Run) -> Reply:
        """The programs that are sent: one tells what the machine is, the others reload a daemon and wait for it."""
        if b"os-release" in run.stdin:
            return Reply(stdout=_MACHINE)
        if words[-3:-2] == ["served"]:
            return Reply(stdout=self.certificate_of(words[-1]).encode() + b"\n")
        if words[-2:-1] == ["shown"]:
            return Reply(stdout=f"{self._node.mail.certificate_of(words[-1])}\n".encode() * 2)
        if b"nginx" in run.stdin:
            return self._reload_nginx()
        return self._reload_php([word.partition(":")[0] for word in words if word[0].isdigit()])

    def _reload_nginx(self) -> Reply:
        status, message = self._test()
        if status:
            return Reply(exit_status=1, stderr=message.encode())
        self.reloads["nginx"] += 1
        self._node.system.start("nginx.service")
        self.served = [site for path, text in self._files() for site in _sites(path, text)]
        self._shown = self._read_certificates()
        return Reply()

    # --- php-fpm

    def _php_test(self, words: list[str], run: Run) -> Reply:
        message = self._php_fault(run.argv[0].rpartition("php-fpm")[2])
        return Reply(exit_status=78 if message else 0, stderr=message.encode())

    def _php_fault(self, version: str) -> str:
        for path, text in self._pool_files(version):
            for number, line in enumerate(text.splitlines(), start=1):
                word = line.split(";")[0].partition("=")[0].strip()
                if word and not word.startswith("[") and not _POOL_LINE.fullmatch(word):
                    return f"[22-Nov-2026 00:00:00] ERROR: [{path}:{number}] unknown entry '{word}'"
        return ""

    def _pool_files(self, version: str) -> Iterator[tuple[str, str]]:
        directory = f"/etc/php/{version}/fpm/pool.d"
        entries = self._node.tree.at(directory).children if self._node.exists(directory) else {}
        for name, entry in sorted(entries.items()):
            if name.endswith(".conf"):
                yield f"{directory}/{name}", entry.data.decode("utf-8", "replace")

    def _reload_php(self, versions: list[str]) -> Reply:
        if fault := next(filter(None, map(self._php_fault, versions)), ""):
            return Reply(exit_status=1, stderr=fault.encode())
        self.reloads["php"] += 1
        installed = [unit[3:-12] for unit in self._node.system.units if unit.startswith("php")]
        self.pools = {}
        for version in installed:
            for _, text in self._pool_files(version):
                self._listen(text)
        if self._node.exists(_SOCKETS):
            sockets = self._node.tree.at(_SOCKETS).children
            for name in [name for name in sockets if f"{_SOCKETS}/{name}" not in self.pools]:
                del sockets[name]
        return Reply()

    def _listen(self, text: str) -> None:
        socket = re.search(rf"^listen = ({_SOCKETS}/(\S+))$", text, re.MULTILINE)
        said = re.search(r'^ping\.response = "?([^"\n]*)"?$', text, re.MULTILINE)
        if socket and self._node.exists(_SOCKETS):
            self.pools[socket[1]] = said[1] if said else "pong"
            self._node.tree.at(_SOCKETS).children[socket[2]] = Entry("other", 0o600, "www-data", "www-data")


def _fingerprint(pem: str) -> str:
    first = pem.partition(_KEY_END)[2].partition(_CERTIFICATE_END)[0] + _CERTIFICATE_END
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def _matches(name: str, host: str) -> bool:
    return name == host or (name.startswith("*.") and host.endswith(name[1:]))


def _sites(path: str, text: str) -> Iterator[FakeSite]:
    for block in re.split(r"(?m)^server \{", text)[1:]:
        names = re.search(r"server_name ([^;]*);", block)
        root = re.search(r"^\s*root ([^;]*);", block, re.MULTILINE)
        socket = re.search(r"fastcgi_pass unix:([^;]*);", block)
        pem = re.search(r"^\s*ssl_certificate ([^;]*);", block, re.MULTILINE)
        yield FakeSite(
            path,
            tuple(names[1].split()) if names else ("_",),
            root[1] if root else "",
            socket[1] if socket else "",
            "suspended.conf;" in block,
            pem[1] if pem else "",
        )


def _nginx_fault(text: str) -> tuple[str, int] | None:
    """What nginx would say of a file, and the line; only shapes and names of directives are looked at."""
    depth = 0
    inside_table = 0
    continued = False
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        last = words[-1]
        if not continued and not inside_table and words[0] != "}" and words[0].rstrip(";{") not in _NGINX_WORDS:
            return f'unknown directive "{words[0].rstrip(";")}"', number
        if words[0] in ("geo", "map", "types") and last.endswith("{"):
            inside_table = depth + 1
        depth += line.count("{") - line.count("}")
        inside_table = inside_table if depth >= inside_table else 0
        continued = not last.endswith((";", "{", "}"))
    if depth or continued:
        return 'unexpected end of file, expecting ";" or "}"', len(text.splitlines())
    return None
