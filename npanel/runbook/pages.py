"""The runbook's pages: files of Markdown, found by slug, with a title and headings that links lead to."""

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.safestring import SafeString
from markdown_it.tree import SyntaxTreeNode

from npanel.runbook.html import Renderer, parsed, words_of

_SLUG = re.compile(r"[a-z0-9-]{1,80}")
#: How pages name the node that they are about, and what may stand there instead: a shell must not read more into it.
_EXAMPLE_NODE = re.compile(r"\bNODE=web1\b")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: The file with the list of all pages.
INDEX = "README"


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it is shown: its title, its headings of the second level, and the body as HTML."""

    slug: str
    title: str
    headings: tuple[tuple[str, str], ...]
    body: SafeString


def folder() -> Path:
    """Where the pages are (NPANEL_RUNBOOK_DIR)."""
    return Path(settings.NPANEL_RUNBOOK_DIR)


def slugs() -> list[str]:
    """All pages but the list of them."""
    return sorted(path.stem for path in folder().glob("*.md") if path.stem != INDEX)


def find_page(slug: str, node: str = "") -> Page | None:
    """The page of this slug; None when there is none (or it is no slug at all).

    Args:
        node: what the commands are about, so that they can be pasted as they stand; else they name an example.
    """
    if not _SLUG.fullmatch(slug) or slug not in slugs():
        return None
    return _page(slug, folder() / f"{slug}.md", node)


def index_page() -> Page | None:
    """The list of pages; None where the installation has no runbook."""
    path = folder() / f"{INDEX}.md"
    return _page(INDEX, path) if path.is_file() else None


def _page(slug: str, path: Path, node: str = "") -> Page:
    text = path.read_text(encoding="utf-8")
    tree = parsed(_EXAMPLE_NODE.sub(f"NODE={node}", text) if _NODE.fullmatch(node) else text)
    renderer = Renderer()
    body = renderer.blocks([node for node in tree.children if not _is_title(node)])
    title = next((words_of(node) for node in tree.children if _is_title(node)), slug)
    return Page(slug, title, tuple(renderer.headings), body)


def _is_title(node: SyntaxTreeNode) -> bool:
    return node.type == "heading" and node.tag == "h1"
