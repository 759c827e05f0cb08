"""Markdown to HTML, built of elements that are named here and of text that is escaped: nothing else gets through.

The parser is markdown-it-py; its own HTML is not used. Raw HTML in a page, images and addresses with any scheme but
https are shown as the text they are.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

#: Nodes that become the element they are named after in HTML, without attributes.
_PLAIN = {
    "paragraph": "p", "bullet_list": "ul", "list_item": "li", "blockquote": "blockquote",
    "strong": "strong", "em": "em", "thead": "thead", "tbody": "tbody", "tr": "tr", "th": "th", "td": "td",
}  # fmt: skip
_PAGE_FILE = re.compile(r"(?P<slug>[A-Za-z0-9-]+)\.md")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


def parsed(text: str) -> SyntaxTreeNode:
    """The syntax tree of a page."""
    return SyntaxTreeNode(MarkdownIt("commonmark", {"html": False}).enable("table").parse(text))


def words_of(node: SyntaxTreeNode) -> str:
    """The text of a node without any marks."""
    own = node.content if node.type in ("text", "code_inline") else " " if node.type == "softbreak" else ""
    return own + "".join(words_of(child) for child in node.children)


def anchor_of(words: str) -> str:
    """The anchor of a heading, as code hosts make it: lower case, no punctuation, blanks as hyphens."""
    return _NOT_IN_ANCHORS.sub("", words.lower()).strip().replace(" ", "-")


class Renderer:
    """Renders the nodes of one page and remembers its headings of the second level."""

    def __init__(self) -> None:
        self.headings: list[tuple[str, str]] = []
        self._fences = 0

    def blocks(self, nodes: Iterable[SyntaxTreeNode]) -> SafeString:
        """Nodes one after another."""
        return format_html_join("", "{}", ((self._node(node),) for node in nodes))

    def _node(self, node: SyntaxTreeNode) -> SafeString | str:
        special = getattr(self, f"_{node.type}", None)
        if special is not None:
            return special(node)
        if node.type in _PLAIN:
            tag = _PLAIN[node.type]
            return format_html("<{}>{}</{}>", tag, self.blocks(node.children), tag)
        return self.blocks(node.children) if node.children else node.content

    def _text(self, node: SyntaxTreeNode) -> str:
        return node.content

    def _softbreak(self, node: SyntaxTreeNode) -> str:
        return " "

    def _hardbreak(self, node: SyntaxTreeNode) -> SafeString:
        return format_html("<{}>", "br")

    def _hr(self, node: SyntaxTreeNode) -> SafeString:
        return format_html("<{}>", "hr")

    def _code_inline(self, node: SyntaxTreeNode) -> SafeString:
        return format_html("<code>{}</code>", node.content)

    def _ordered_list(self, node: SyntaxTreeNode) -> SafeString:
        """Steps go on counting after a block of commands."""
        return format_html('<ol start="{}">{}</ol>', int(node.attrs.get("start", 1)), self.blocks(node.children))

    def _table(self, node: SyntaxTreeNode) -> SafeString:
        return format_html('<div class="table-scroll"><table>{}</table></div>', self.blocks(node.children))

    def _heading(self, node: SyntaxTreeNode) -> SafeString:
        words, tag = words_of(node), "h2" if node.tag in ("h1", "h2") else "h3"
        anchor = anchor_of(words)
        if tag == "h2":
            self.headings.append((anchor, words))
        link = format_html('<a class="runbook-anchor" href="#{}" aria-label="{}">#</a>', anchor, words)
        return format_html('<{} id="{}">{} {}</{}>', tag, anchor, self.blocks(node.children), link, tag)

    def _link(self, node: SyntaxTreeNode) -> SafeString:
        address = _address(str(node.attrs.get("href", "")))
        words = self.blocks(node.children)
        return format_html('<a href="{}">{}</a>', address, words) if address else words

    def _fence(self, node: SyntaxTreeNode) -> SafeString:
        self._fences += 1
        language = node.info.split(" ")[0] if node.info else ""
        context = {"id": f"block-{self._fences}", "text": node.content.rstrip("\n"), "language": language}
        return render_to_string("admin/npanel/runbook_block.html", context)

    def _code_block(self, node: SyntaxTreeNode) -> SafeString:
        return format_html("<pre><code>{}</code></pre>", node.content)


def _address(target: str) -> str:
    """Where a link leads in the console; empty for what it does not show."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return target if parts.scheme == "https" else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if not parts.path:
        return fragment
    page = _PAGE_FILE.fullmatch(parts.path)
    if page is None:
        return ""
    if page["slug"] == "README":
        return reverse("admin:runbook") + fragment
    return reverse("admin:runbook_page", args=(page["slug"],)) + fragment
