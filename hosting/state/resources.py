"""The things NPanel keeps on a node, each as a frozen dataclass that compares by value."""

import hashlib
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple


class Ref(NamedTuple):
    """The name of a Resource on its node: its kind and its key."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is compared but never shown: people, logs and digests see only its fingerprint."""

    value: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of the value's SHA-256 ("" for an empty value)."""
        return hashlib.sha256(self.value.encode()).hexdigest()[:12] if self.value else ""

    def __repr__(self) -> str:
        return f"Secret(sha256:{self.fingerprint})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing on a node. ``owner`` is the Linux user of the HostingService, or "" for the node's own."""

    kind: ClassVar[str] = ""
    owner: str = field(default="", kw_only=True)

    @property
    def key(self) -> str:
        """Unique among the Resources of this kind on one node."""
        raise TypeError(f"{type(self).__name__} has no key")

    @property
    def ref(self) -> Ref:
        """Kind and key together."""
        return Ref(self.kind, self.key)

    def depends_on(self) -> tuple[Ref, ...]:
        """Resources that must be there before this one (and go after it)."""
        return ()


# --- a hosting service's own -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SystemUser(Resource):
    """The Linux user (with a group of the same name) that one HostingService runs as.

    Args:
        owner: login name.
        home: absolute path of the home directory, mode 0750.
        shell: absolute path of the login shell.
        quota_mb: disk limit in MiB, 0 for none; enforced where the file system has quota.
        locked: True while the service is suspended (no sign-in, no cron).
        edited: what somebody else changed about it (home's mode or owner), "" if nothing; never desired.
    """

    kind: ClassVar[str] = "system_user"
    owner: str
    home: str
    shell: str = "/usr/sbin/nologin"
    quota_mb: int = 0
    locked: bool = False
    edited: str = ""

    @property
    def key(self) -> str:
        return self.owner


@dataclass(frozen=True, slots=True)
class DocumentRoot(Resource):
    """A directory in a customer's home that a site is served from. Its content is the customer's, not ours.

    Args:
        owner: Linux user.
        path: relative to the home directory, e.g. ``sites/example.com/public``.
    """

    kind: ClassVar[str] = "document_root"
    owner: str
    path: str

    @property
    def key(self) -> str:
        return f"{self.owner}/{self.path}"

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)


@dataclass(frozen=True, slots=True)
class PhpPool(Resource):
    """One php-fpm pool: own uid, own socket, own tmp, ``open_basedir`` around the home.

    Args:
        owner: Linux user.
        version: e.g. ``8.2``; must be installed on the node.
        home: the owner's home directory.
        max_children: processes at most.
        memory_mb: ``memory_limit`` of one PHP process in MiB.
        settings: further php.ini values, as sorted (name, value) pairs.
        edited: digest of the pool's file when it is not as NPanel would write it, else ""; never desired.
    """

    kind: ClassVar[str] = "php_pool"
    owner: str
    version: str
    home: str
    max_children: int = 5
    memory_mb: int = 256
    settings: tuple[tuple[str, str], ...] = ()
    edited: str = ""

    @property
    def key(self) -> str:
        return self.owner

    @property
    def socket(self) -> str:
        """Where nginx finds the pool, whatever the PHP version."""
        return f"/run/npanel/php/{self.owner}.sock"

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)


@dataclass(frozen=True, slots=True)
class VirtualHost(Resource):
    """One site in the web server.

    Args:
        owner: Linux user.
        name: main host name, lower-case ASCII.
        aliases: further host names, sorted.
        root: absolute document root.
        php: True when ``.php`` files go to the owner's PhpPool.
        suspended: True when every request gets the suspended page.
        https: True when it answers over TLS too, with the TlsCertificate of its name.
        redirect: True when requests without TLS are sent to it. hsts: True when browsers are told to insist on TLS.
        edited: digest of the site's file when it is not as NPanel would write it, else ""; never desired.
    """

    kind: ClassVar[str] = "virtual_host"
    owner: str
    name: str
    root: str
    aliases: tuple[str, ...] = ()
    php: bool = True
    suspended: bool = False
    https: bool = False
    redirect: bool = False
    hsts: bool = False
    edited: str = ""

    @property
    def key(self) -> str:
        return self.name

    def depends_on(self) -> tuple[Ref, ...]:
        pool = (Ref(PhpPool.kind, self.owner),) if self.php else ()
        certificate = (Ref("tls_certificate", self.name),) if self.https else ()
        return (Ref(SystemUser.kind, self.owner), Ref(DocumentRoot.kind, self._root_key), *pool, *certificate)

    @property
    def _root_key(self) -> str:
        # From the second character on: in /home/home/sites/… the first /home/ is not the owner's directory.
        path = self.root[1:].partition(f"/{self.owner}/")[2]
        return f"{self.owner}/{path}"


@dataclass(frozen=True, slots=True, order=True)
class DnsRecord:
    """One record: absolute name without trailing dot, type, content in presentation form (RFC 1035 §5), TTL in s."""

    name: str
    type: str
    content: str
    ttl: int = 3600


@dataclass(frozen=True, slots=True)
class DnsZone(Resource):
    """One authoritative zone. The SOA serial belongs to the name server and is no part of the value.

    Args:
        owner: Linux user of the service, kept as the zone's account.
        name: zone name, lower-case ASCII, no trailing dot.
        primary: MNAME of the SOA. hostmaster: RNAME of the SOA in domain form.
        refresh, retry, expire, minimum: SOA timers in seconds.
        records: all records but the SOA, sorted, NS at the apex included.
        edited: what somebody changed of the zone beside its records, e.g. ``kind=Slave``; wanted is always "".
        signed: whether the name server signs it. Its keys belong to the name server too, and are no part of the value.
        catalog: the catalog zone that tells secondaries of it, "" where there are none.
        transfers: names of the TSIG keys with which secondaries may fetch it, sorted; with any, there is a catalog.
    """

    kind: ClassVar[str] = "dns_zone"
    owner: str
    name: str
    primary: str
    hostmaster: str
    records: tuple[DnsRecord, ...] = ()
    refresh: int = 10800
    retry: int = 3600
    expire: int = 604800
    minimum: int = 3600
    edited: str = ""
    signed: bool = False
    catalog: str = ""
    transfers: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Database(Resource):
    """One MariaDB database. ``owner``'s name and an underscore start its name."""

    kind: ClassVar[str] = "database"
    owner: str
    name: str
    charset: str = "utf8mb4"
    collation: str = "utf8mb4_unicode_ci"

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """Rights on one database: sorted privilege names as MariaDB prints them, or ``("ALL PRIVILEGES",)``."""

    database: str
    privileges: tuple[str, ...] = ("ALL PRIVILEGES",)


@dataclass(frozen=True, slots=True)
class DatabaseUser(Resource):
    """One MariaDB account.

    Args:
        owner: Linux user of the service.
        name: account name.
        host: where it may connect from, as MariaDB writes it.
        password_hash: ``mysql_native_password`` hash (``*`` and 40 hex digits).
        grants: sorted by database.
        locked: True while the service is suspended.
    """

    kind: ClassVar[str] = "database_user"
    owner: str
    name: str
    password_hash: Secret
    host: str = "localhost"
    grants: tuple[Grant, ...] = ()
    locked: bool = False

    @property
    def key(self) -> str:
        return f"{self.name}@{self.host}"

    def depends_on(self) -> tuple[Ref, ...]:
        return tuple(Ref(Database.kind, grant.database) for grant in self.grants)


# --- the node's own ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Package(Resource):
    """A package of the distribution that must be installed."""

    kind: ClassVar[str] = "package"
    name: str

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class NodeFile(Resource):
    """A whole configuration file of the node that NPanel owns.

    Args:
        path: absolute.
        content: the whole text; ``secret`` replaces the word ``@SECRET@`` in it when the file is written.
        daemon: kind of the adapter whose daemon reads it; "" when nobody has to be told.
        mode, user, group: permission bits and owners.
        packages: Package names that must be installed first.
    """

    kind: ClassVar[str] = "node_file"
    path: str
    content: str
    daemon: str = ""
    mode: int = 0o644
    user: str = "root"
    group: str = "root"
    secret: Secret = Secret("")
    packages: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.path

    def depends_on(self) -> tuple[Ref, ...]:
        return tuple(Ref(Package.kind, name) for name in self.packages)


@dataclass(frozen=True, slots=True)
class NodeLink(Resource):
    """A link of the distribution's that must (not) be there, e.g. nginx's default site. Wanted absent: not desired."""

    kind: ClassVar[str] = "node_link"
    path: str
    target: str
    daemon: str = ""

    @property
    def key(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class DaemonUnit(Resource):
    """A systemd unit that must be enabled and running.

    Args:
        name: unit name with suffix.
        daemon: kind of the adapter it belongs to.
        files: paths of NodeFiles that must be there first.
    """

    kind: ClassVar[str] = "daemon_unit"
    name: str
    daemon: str = ""
    enabled: bool = True
    running: bool = True
    files: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name

    def depends_on(self) -> tuple[Ref, ...]:
        return tuple(Ref(NodeFile.kind, path) for path in self.files)


RESOURCES: dict[str, type[Resource]] = {
    cls.kind: cls
    for cls in (
        SystemUser,
        DocumentRoot,
        PhpPool,
        VirtualHost,
        DnsZone,
        Database,
        DatabaseUser,
        Package,
        NodeFile,
        NodeLink,
        DaemonUnit,
    )
}


def register_resource(cls: type[Resource]) -> type[Resource]:
    """Make a Resource type known to the codec (a plug-in's decorator).

    Raises:
        ValueError: another type has that kind already.
    """
    if RESOURCES.setdefault(cls.kind, cls) is not cls:
        raise ValueError(f"resource kind {cls.kind!r} is taken by {RESOURCES[cls.kind].__name__}")
    return cls
