"""A PhpPool as the text of its file, and the text (whoever wrote it) as a PhpPool.

The file is short because php-fpm reads its configuration one byte at a time, all pools at every test and reload: what
is the same for all stands in the master's own ``90-npanel.ini``, what is php-fpm's default stands nowhere.
"""

import hashlib
import re
from dataclasses import replace

from jinja2 import Environment, PackageLoader, StrictUndefined

from hosting.adapters._edited import edit_of
from hosting.adapters._values import OWNER, PHP_VERSION, checked, home_checked, number_checked
from hosting.errors import UnsafeValue
from hosting.state import PhpPool
from hosting.texts import N_, plain

#: Where nginx asks the pool itself (not a script of the customer's) whether it lives.
PING_PATH = "/.well-known/npanel-php"
#: What lets PHP code start programs, load native code or make links out of its own tree.
DISABLED_FUNCTIONS = "dl exec link passthru popen proc_open shell_exec symlink system".split()
# What runs programs, loads native code or names places outside of the home.
_OUTSIDE = frozenset("extension zend_extension enable_dl sendmail_path mail.log doc_root user_dir".split())
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
#: Printable ASCII without what the ini scanner gives a meaning inside double quotes, and without its comment sign.
_VALUE = re.compile(r"[ !#%-:<-\[\]-~]{0,255}")

# No HTML comes out of these templates: every value passes its own grammar in render().
_templates = Environment(loader=PackageLoader(__package__), undefined=StrictUndefined, autoescape=False)  # noqa: S701
_line = re.compile(r"\s*(?P<name>[A-Za-z_.]+)(?:\[(?P<index>[^]]*)])?\s*=\s*(?P<value>.*?)\s*")


def render(pool: PhpPool) -> str:
    """The whole pool file.

    Raises:
        UnsafeValue: a value must not reach a configuration file, or a setting is one that keeps customers apart.
    """
    checked(pool.owner, OWNER, N_("user name"))
    checked(pool.version, PHP_VERSION, N_("PHP version"))
    home_checked(pool.home, pool.owner)
    number_checked(pool.max_children, 1, 1000, plain("max_children"))
    number_checked(pool.memory_mb, 8, 1 << 20, plain("memory_mb"))
    for name, value in pool.settings:
        checked(value, _VALUE, plain(checked(name, _NAME, N_("PHP setting"))))
        if name in _own_settings():
            raise UnsafeValue(
                N_("the PHP setting %(name)s belongs to NPanel", name=repr(name)),
                hint=N_("Remove it from the settings."),
            )
    return _text(pool)


def ping_response(pool: PhpPool) -> str:
    """What the pool answers to a ping once exactly this pool is in use: its owner and a digest of all its values."""
    return f"{pool.owner} {hashlib.sha256(repr(replace(pool, edited='')).encode()).hexdigest()[:16]}"


def _text(pool: PhpPool) -> str:
    template = _templates.get_template("pool.conf")
    values = {"ping_path": PING_PATH, "ping_response": ping_response(pool), "disabled": DISABLED_FUNCTIONS}
    return template.render(pool=pool, **values) + "\n"


def _own_settings() -> frozenset[str]:
    text = _text(PhpPool("nobody", "8.2", "/home/nobody"))
    return frozenset(re.findall(r"^php_admin_value\[(.+?)]", text, re.MULTILINE)) | _OUTSIDE


def parse(owner: str, version: str, text: str) -> PhpPool:
    """The pool that a file stands for.

    ``edited`` says what differs unless the text is, byte for byte, what :func:`render` makes of the other fields.

    Args:
        owner, version: as the file's name and place say.
        text: the file's content.
    """
    values = _directives(text)
    number = {name: int(text) for name, text in values.items() if text.isdecimal()}
    pool = PhpPool(
        owner=values.get("user", ""),
        version=version,
        home=values.get("php_admin_value[open_basedir]", "").partition("/:")[0],
        max_children=number.get("pm.max_children", 0),
        memory_mb=_megabytes(values.get("php_admin_value[memory_limit]", "")),
        settings=tuple((name[10:-1], value) for name, value in values.items() if name.startswith("php_value[")),
    )
    ours = _rendered(pool)
    if pool.owner == owner and ours == text:
        return pool
    return replace(pool, owner=owner, edited=edit_of(text, ours))


def _rendered(pool: PhpPool) -> str:
    """The pool as NPanel would write it, "" where it would not."""
    try:
        return render(pool)
    except UnsafeValue:
        return ""


def _megabytes(text: str) -> int:
    return int(text[:-1]) if text[:-1].isdecimal() and text.endswith("M") else 0


def _directives(text: str) -> dict[str, str]:
    """Directives of an FPM file by name (``name[index]`` where there is one), unquoted; of several, the last."""
    values = {}
    for line in text.splitlines():
        match = _line.fullmatch(line.split(";")[0])
        if match:
            name = match["name"] + (f"[{match['index']}]" if match["index"] is not None else "")
            values[name] = match["value"].strip('"')
    return values
