"""The host's apt sources are understood in both of their forms."""

from pathlib import Path

import pytest

from .sources import Source, SourcesError, host_sources

DEB822 = """\
Types: deb deb-src
# a comment between the fields
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Enabled: no
Types: deb
URIs: http://mirror.test/disabled
Suites: bookworm
Components: main

Types: deb
URIs: https://vendor.test/node
Suites: nodistro
Components: main
"""
ONE_LINE = """\
# deb http://mirror.test/commented bookworm main
deb-src http://mirror.test/debian bookworm main
deb [arch=amd64 signed-by=/etc/apt/keyrings/a.gpg] http://mirror.test/debian bookworm main non-free # trailing
deb http://security.test/debian bookworm-security main
deb http://vendor.test/sdk sdk-bookworm main
"""


def write(etc_apt: Path, name: str, text: str) -> None:
    path = etc_apt / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_deb822(tmp_path: Path) -> None:
    write(tmp_path, "sources.list.d/debian.sources", DEB822)
    keyring = Path("/usr/share/keyrings/archive.gpg")
    assert host_sources(tmp_path) == [
        Source("http://mirror.test/debian", "bookworm", keyring),
        Source("http://mirror.test/debian", "bookworm-updates", keyring),
    ]


def test_one_line(tmp_path: Path) -> None:
    write(tmp_path, "sources.list", ONE_LINE)
    assert host_sources(tmp_path) == [
        Source("http://mirror.test/debian", "bookworm", Path("/etc/apt/keyrings/a.gpg")),
        Source("http://security.test/debian", "bookworm-security", None),
    ]


def test_without_the_release_it_says_so(tmp_path: Path) -> None:
    write(tmp_path, "sources.list", "deb http://mirror.test/debian trixie main\n")
    with pytest.raises(SourcesError, match="Debian bookworm"):
        host_sources(tmp_path)
