"""nginx's configuration language, read without nginx: words, quotes, comments, blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# ngx_conf_read_token: a word ends at white space, ``;`` or ``{``; quotes count only where a word starts.
_token = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<mark>[;{}])
    | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
    | (?P<word>(?:\\.|\$\{[^}]*\}|[^\s;{\\])+)""",
    re.VERBOSE | re.DOTALL,
)
_escape = re.compile(r"""\\(["'\\ trn])""")
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}


class SyntaxFault(ValueError):
    """The text is not nginx configuration."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive: its name and parameters, and the directives of its block if it has one."""

    name: str
    parameters: tuple[str, ...] = ()
    block: tuple["Directive", ...] = ()
    depth: int = field(default=0, compare=False)

    def all(self, *names: str) -> Iterator["Directive"]:
        """Directives of these names directly in the block."""
        return (child for child in self.block if child.name in names)

    def first(self, name: str) -> tuple[str, ...]:
        """Parameters of the first directive of that name directly in the block, () if there is none."""
        return next((child.parameters for child in self.all(name)), ())

    def walk(self) -> Iterator["Directive"]:
        """All directives below, in order."""
        for child in self.block:
            yield child
            yield from child.walk()


def parse(text: str) -> Directive:
    """The whole text as one nameless block.

    Raises:
        SyntaxFault: a quote, block or directive has no end, or a mark stands where none may.
    """
    tokens = list(_tokens(text))
    directives, position = _block(tokens, 0, depth=0)
    if position != len(tokens):
        raise SyntaxFault("a block ends that did not begin")
    return Directive("", (), directives)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _token.match(text, position)
        if match is None:
            raise SyntaxFault(f"unexpected {text[position]!r}")
        position = match.end()
        if match.lastgroup == "mark":
            yield "mark", match["mark"]
        elif match.lastgroup:
            yield "word", _escape.sub(lambda found: _ESCAPED.get(found[1], found[1]), match[match.lastgroup])


def _block(tokens: list[tuple[str, str]], position: int, depth: int) -> tuple[tuple[Directive, ...], int]:
    found: list[Directive] = []
    words: list[str] = []
    while position < len(tokens):
        kind, text = tokens[position]
        if kind == "mark" and text == "}" and not words:
            return tuple(found), position
        position += 1
        if kind == "word":
            words.append(text)
            continue
        if not words or text == "}":
            raise SyntaxFault(f"unexpected {text!r}")
        inside: tuple[Directive, ...] = ()
        if text == "{":
            inside, position = _block(tokens, position, depth + 1)
            if position == len(tokens):
                raise SyntaxFault(f"the block of {words[0]!r} has no end")
            position += 1
        found.append(Directive(words[0], tuple(words[1:]), inside, depth))
        words = []
    if words:
        raise SyntaxFault(f"{words[0]!r} has no end")
    return tuple(found), position
