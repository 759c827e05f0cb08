"""Reads the command blocks of a runbook page: what the drills execute, and what a test asks receipts for.

A block is a fence whose info string says who runs it::

    ```bash drill=database-down step=recover exit=2 shows="database"
"""

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

#: Languages of blocks that are commands. Other fences show what a command prints.
COMMANDS = ("bash", "promql", "sql", "logql")
STEPS = ("open", "diagnose", "recover", "check")
_ATTRIBUTES = frozenset({"drill", "step", "at", "exit", "shows", "skip"})


class BadBlock(ValueError):
    """A fence says something that nobody understands."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of commands.

    Args:
        page: the page's file name without its end. heading: the nearest one above. line: where the fence begins.
        attributes: of the info string: ``drill`` (names, joined by commas), ``step``, ``at`` (``panel``, ``node``),
            ``exit`` (statuses to expect, joined by commas), ``shows`` (what the output holds), ``skip`` (why no drill
            can run it).
    """

    page: str
    heading: str
    line: int
    language: str
    text: str
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def drills(self) -> tuple[str, ...]:
        """The drills that execute it; empty when it is skipped."""
        return tuple(name for name in self.attributes.get("drill", "").split(",") if name)

    @property
    def step(self) -> str:
        """Which part of the recovery it is."""
        return self.attributes.get("step", "diagnose")

    @property
    def at(self) -> str:
        """Where it is typed: in a shell of the panel's machine, or at a node's console."""
        return self.attributes.get("at", "panel")

    @property
    def exits(self) -> frozenset[int]:
        """The exit statuses that a reader may see."""
        return frozenset(int(status) for status in self.attributes.get("exit", "0").split(","))

    @property
    def shows(self) -> str:
        """What its output holds."""
        return self.attributes.get("shows", "")

    @property
    def skip(self) -> str:
        """Why no drill can run it."""
        return self.attributes.get("skip", "")

    @property
    def digest(self) -> str:
        """Changes with the commands and with what is said about them."""
        said = sorted(self.attributes.items())
        return hashlib.sha256(repr((self.language, said, self.text)).encode()).hexdigest()[:20]

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}.md:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """The command blocks of one page, in its order.

    Raises:
        BadBlock: an info string can't be read, or says neither which drill runs the block nor why none does.
    """
    return list(_read(path.stem, path.read_text(encoding="utf-8")))


def all_blocks(folder: Path) -> list[Block]:
    """The command blocks of all pages, by page name."""
    return [block for path in sorted(folder.glob("*.md")) for block in blocks_of(path)]


def _read(page: str, text: str) -> Iterator[Block]:
    heading = ""
    tokens = MarkdownIt("commonmark").parse(text)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            heading = token.content
        if token.type == "fence" and token.info.split(" ")[0] in COMMANDS:
            language, _, rest = token.info.strip().partition(" ")
            line = (token.map or [0])[0] + 1
            yield Block(page, heading, line, language, token.content, attributes(rest, f"{page}.md:{line}"))


def attributes(info: str, place: str) -> dict[str, str]:
    """What an info string says after the language.

    Raises:
        BadBlock: see :func:`blocks_of`.
    """
    try:
        pairs = [word.partition("=") for word in shlex.split(info)]
    except ValueError as error:
        raise BadBlock(f"{place}: {error}") from error
    found = {name: value for name, _, value in pairs}
    if unknown := sorted(set(found) - _ATTRIBUTES):
        raise BadBlock(f"{place}: nobody knows {', '.join(unknown)}")
    if ("drill" in found) == ("skip" in found):
        raise BadBlock(f"{place}: say which drill runs it (drill=), or why none can (skip=)")
    if found.get("step", "diagnose") not in STEPS or found.get("at", "panel") not in ("panel", "node"):
        raise BadBlock(f"{place}: step is one of {', '.join(STEPS)}, at is panel or node")
    return found
