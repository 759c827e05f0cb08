"""Find the Debian mirror and keyring this host itself uses, so that no mirror is named in the repository."""

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

RELEASE = "bookworm"
SUITES = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
DEFAULT_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


class SourcesError(LabError):
    """The host's apt sources name no usable mirror of the wanted release."""


@dataclass(frozen=True)
class Source:
    """One suite of one archive, as apt on this host is told to use it."""

    uri: str
    suite: str
    keyring: Path | None

    def line(self) -> str:
        """The entry in apt's one-line form (sources.list(5)), limited to the component ``main``."""
        return f"deb {self.uri} {self.suite} main"


def host_sources(etc_apt: Path = Path("/etc/apt")) -> list[Source]:
    """Every suite of the wanted release in ``etc_apt``, both in deb822 and in one-line form (sources.list(5)).

    Raises:
        SourcesError: the release itself is in none of the files.
    """
    found: list[Source] = []
    for name in sorted(glob.glob(str(etc_apt / "sources.list.d" / "*.sources"))):
        found += parse_deb822(Path(name).read_text())
    for name in [str(etc_apt / "sources.list"), *sorted(glob.glob(str(etc_apt / "sources.list.d" / "*.list")))]:
        if Path(name).is_file():
            found += parse_one_line(Path(name).read_text())
    wanted = [source for source in found if source.suite in SUITES]
    if not any(source.suite == RELEASE for source in wanted):
        raise SourcesError(f"no apt source in {etc_apt} offers Debian {RELEASE}; the lab builds its base from it")
    return list(dict.fromkeys(wanted))


def parse_one_line(text: str) -> list[Source]:
    """Sources of the one-line form; comments and ``deb-src`` are left out."""
    found = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#")[0].strip())
        if match and "main" in match["components"].split():
            signed = re.search(r"signed-by=(\S+)", match["options"] or "")
            found.append(Source(match["uri"], match["suite"], Path(signed[1]) if signed else None))
    return found


def parse_deb822(text: str) -> list[Source]:
    """Sources of the deb822 form; disabled stanzas and ``deb-src`` are left out."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if fields.get("enabled", "yes").lower() in ("no", "false", "0") or "deb" not in fields.get("types", "").split():
            continue
        signed = fields.get("signed-by", "").strip()
        keyring = Path(signed) if signed.startswith("/") and "\n" not in signed else None
        if "main" in fields.get("components", "").split():
            found += [Source(u, s, keyring) for u in fields.get("uris", "").split() for s in fields["suites"].split()]
    return found


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            fields[name] += "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields
