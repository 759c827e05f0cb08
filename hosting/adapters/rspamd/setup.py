"""What a node needs so that mail is filtered: rspamd, a memory of its own for what it learned, and who teaches it."""

from importlib import resources

from hosting.adapters import _mail
from hosting.adapters.base import NodeFacts
from hosting.state import DaemonUnit, NodeFile, Package, Resource

KIND = "rspamd"
UNIT = "rspamd.service"
USER = "_rspamd"
PACKAGES = ("redis-server", "rspamd")
LOCAL, OVERRIDE = "/etc/rspamd/local.d", "/etc/rspamd/override.d"
#: Where Exim asks; nobody else may.
SCANNER = "/run/rspamd/scanner.sock"
#: Where lessons go; the filter's own user alone may give them.
CONTROLLER = "/run/rspamd/controller.sock"
#: Where the workers that are off would listen.
NOWHERE = "/run/rspamd/off.sock"

#: Redis keeps what was learned; not Debian's own instance, which every program on the node could change.
MEMORY_UNIT, STOCK_MEMORY_UNIT = "npanel-redis.service", "redis-server.service"
MEMORY_CONFIGURATION = "/etc/npanel/redis.conf"
MEMORY = "/run/npanel-redis/redis.sock"

LEARNER_SOCKET_UNIT, LEARNER_UNIT = "npanel-mail-learner.socket", "npanel-mail-learner@.service"
LEARNER_PROGRAM = "/usr/local/lib/npanel/mail_learner.py"
#: Programs that Dovecot may run for filters of NPanel's own, never for a customer's.
PIPE_PROGRAMS = "/usr/local/lib/npanel/mail-pipe"

#: What would keep mail waiting, tell third parties of it, sign it, or keep a list of whom it was from.
OFF = "arc asn dkim_signing fuzzy_check greylist history_redis neural phishing ratelimit rbl replies surbl".split()

_TEMPLATES = _mail.templates(__package__)
_SYSTEMD = "/etc/systemd/system"
_FILES = {
    "/etc/rspamd/rspamd.conf.local": "workers.conf",
    f"{LOCAL}/actions.conf": "actions.conf",
    f"{LOCAL}/classifier-bayes.conf": "classifier-bayes.conf",
    f"{LOCAL}/options.inc": "options.inc",
    f"{LOCAL}/redis.conf": "redis.conf",
    f"{OVERRIDE}/worker-controller.inc": "worker-controller.inc",
    f"{OVERRIDE}/worker-normal.inc": "worker-normal.inc",
    f"{OVERRIDE}/worker-fuzzy.inc": "worker-off.inc",
    f"{OVERRIDE}/worker-proxy.inc": "worker-off.inc",
    MEMORY_CONFIGURATION: "memory.conf",
    f"{_SYSTEMD}/{MEMORY_UNIT}": "memory.service",
    f"{_SYSTEMD}/{LEARNER_SOCKET_UNIT}": "learner.socket",
    f"{_SYSTEMD}/{LEARNER_UNIT}": "learner.service",
    f"{_SYSTEMD}/{UNIT}.d/npanel.conf": "service.conf",
} | {f"{LOCAL}/{name}.conf": "off.conf" for name in OFF}
_PROGRAMS = {LEARNER_PROGRAM: ("learner.py", 0o644), f"{PIPE_PROGRAMS}/teach": ("teach.py", 0o755)}


def node_resources(facts: NodeFacts) -> tuple[Resource, ...]:
    """The packages, the files, and the units; Debian's own Redis is off."""
    values = {
        "scanner": SCANNER,
        "controller": CONTROLLER,
        "nowhere": NOWHERE,
        "memory": MEMORY,
        "memory_unit": MEMORY_UNIT,
        "memory_configuration": MEMORY_CONFIGURATION,
        "memory_mb": max(32, min(512, facts.memory_mb // 16)),
        "user": USER,
        "exim": _mail.EXIM_USER,
        "learner": LEARNER_PROGRAM,
    }
    texts = {path: _mail.render(_TEMPLATES, name, **values) for path, name in _FILES.items()}
    files = [NodeFile(path, text, daemon=KIND, packages=PACKAGES) for path, text in texts.items()]
    for path, (name, mode) in _PROGRAMS.items():
        program = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
        files.append(NodeFile(path, program, daemon=KIND, mode=mode, packages=PACKAGES))
    needed = tuple(sorted(file.path for file in files))
    units = [DaemonUnit(name, daemon=KIND, files=needed) for name in (MEMORY_UNIT, LEARNER_SOCKET_UNIT, UNIT)]
    stock = DaemonUnit(STOCK_MEMORY_UNIT, daemon=KIND, enabled=False, running=False, files=needed)
    return (*map(Package, PACKAGES), *files, stock, *units)
