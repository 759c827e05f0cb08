"""Fails when a text for people could not be translated: an unmarked one, a template that does not fit its values.

What it finds: errors of the HostingError family whose detail or hint is not marked with ``N_``; marked texts that are
no literal, or whose ``%(names)s`` are not the given values; labels and help texts without ``_``; bare words in
templates. What a command prints for those who run it stays English (docs/adr/0007-translation.md).
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.no_shell import ROOT, Finding, python_files

PACKAGES = ("accounts", "audit", "hosting", "npanel", "observability", "migrations_app")
TEMPLATES = ("templates", "*/templates/admin", "*/templates/portal", "*/templates/account", "*/templates/mfa")
NOT_FOR_PEOPLE = ("/migrations/", "/management/")
BASE_ERROR = "HostingError"
MARKERS = frozenset({"N_", "NN_"})
GETTEXT = frozenset({"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext"})
LABELS = frozenset({"label", "help_text", "verbose_name", "verbose_name_plural", "short_description", "empty_label"})
SHOWN_ATTRIBUTES = frozenset({"title", "aria-label", "placeholder", "alt", "data-confirm"})
#: Names that are the same in every language.
NAMES = re.compile(r"\b(NPanel|OpenAPI|UTC|PHP|DNS|TTL|SSH|MB|GB|ms|Ctrl|Enter|Esc)\b")

_PLACE = re.compile(r"%\((\w+)\)")
_BARE_PLACE = re.compile(r"%[sdrf](?![\w(])")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SENTENCE = re.compile(r"[^\W\d_]{2,} |[\"',][A-Z][a-z]")
_TRANSLATED = re.compile(
    r"{%\s*block tone\s*%}.*?{%\s*endblock\s*%}|"  # a class name
    r"{#.*?#}|{%\s*comment\b.*?endcomment\s*%}|{%\s*blocktrans(?:late)?\b.*?endblocktrans(?:late)?\s*%}",
    re.DOTALL,
)
_TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
_FALLBACK = re.compile(r"\|\s*(?:default|default_if_none|yesno|pluralize)\s*:\s*(\"[^\"]*\"|'[^']*')")
_UNSEEN = frozenset({"script", "style", "code", "kbd"})


def families(sources: Iterable[str]) -> frozenset[str]:
    """The names of all classes that come from HostingError, over all modules."""
    bases: dict[str, set[str]] = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(_last_name(base) for base in node.bases)
    found = {BASE_ERROR}
    while new := {name for name, parents in bases.items() if parents & found} - found:
        found |= new
    return frozenset(found)


class TextFinder(ast.NodeVisitor):
    """Collects the findings of one module."""

    def __init__(self, path: str, family: frozenset[str]) -> None:
        self.path, self.family = path, family
        self.findings: set[Finding] = set()
        self._for_people = not any(part in f"/{path}" for part in NOT_FOR_PEOPLE)
        self._assigned: list[dict[str, list[ast.expr]]] = [{}]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._assigned.append(_assignments(node))
        self.generic_visit(node)
        self._assigned.pop()

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if _last_name(target) in LABELS:
                self._check_label(node.value, _last_name(target))
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and _last_name(part.func) in MARKERS | GETTEXT:
                self._found(node, "a text within an f-string's braces is not extracted")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _last_name(node.func)
        if name in self.family:
            for value in (*node.args[:1], *(word.value for word in node.keywords if word.arg in {"detail", "hint"})):
                self._check_error(value)
        elif name in MARKERS:
            self._check_marked(node, name)
        elif name in GETTEXT and node.args and isinstance(node.args[0], ast.JoinedStr | ast.BinOp | ast.Call):
            self._found(node, f"{name}() takes a literal, else it cannot be extracted")
        for word in node.keywords:
            if word.arg in LABELS:
                self._check_label(word.value, word.arg)
        self.generic_visit(node)

    def _found(self, node: ast.AST, what: str) -> None:
        self.findings.add(Finding(self.path, getattr(node, "lineno", 0), what))

    def _check_error(self, value: ast.expr, seen: frozenset[str] = frozenset()) -> None:
        if isinstance(value, ast.IfExp):
            self._check_error(value.body, seen)
            self._check_error(value.orelse, seen)
        elif isinstance(value, ast.BoolOp):
            for part in value.values:
                self._check_error(part, seen)
        elif isinstance(value, ast.Name) and value.id not in seen:
            for assigned in self._assigned[-1].get(value.id, []):
                self._check_error(assigned, seen | {value.id})
        elif _is_finished(value):
            self._found(value, 'an error\'s text must be marked: N_("… %(name)s …", name=name)')

    def _check_marked(self, node: ast.Call, name: str) -> None:
        texts = [_plain_text(argument) for argument in node.args[: 2 if name == "NN_" else 1]]
        if not texts or not all(isinstance(text, str) and text for text in texts):
            self._found(node, f"{name}() takes a literal, else it cannot be extracted")
            return
        if any(word.arg is None for word in node.keywords):
            return
        for word in node.keywords:
            self._check_value(word.value)
        places = {place for text in texts for place in _PLACE.findall(str(text))}
        given = {str(word.arg) for word in node.keywords}
        allowed = {"count"} if name == "NN_" else set()
        if places - given - allowed or given - places:
            odd = sorted((places - given - allowed) | (given - places))
            self._found(node, f"places and values do not match: {', '.join(odd)}")
        if any(_BARE_PLACE.search(str(text)) for text in texts):
            self._found(node, "places need names: %(name)s")

    def _check_value(self, value: ast.expr) -> None:
        """Of a value that is one of several, a word of ours is a text of its own: ``owner or N_("nobody")``."""
        parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else []
        parts += value.values if isinstance(value, ast.BoolOp) else []
        for part in parts:
            if isinstance(part, ast.Constant) and _WORD.search(str(part.value or "")):
                self._found(part, "this word is not marked for translation")

    def _check_label(self, value: ast.expr, what: str) -> None:
        text = _plain_text(value)
        bare = isinstance(text, str) and _WORD.search(NAMES.sub("", text))
        if self._for_people and (bare or isinstance(value, ast.JoinedStr)):
            self._found(value, f"{what} is not marked for translation")


def _assignments(function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """What each local name is set to, tuples taken apart."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                if isinstance(name, ast.Name):
                    found.setdefault(name.id, []).append(value)
    return found


def _is_finished(value: ast.expr) -> bool:
    """Whether this makes a text that cannot be translated any more."""
    if isinstance(value, ast.JoinedStr | ast.BinOp):
        return True
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr in {"format", "join"} or _is_finished(value.func.value)
    if isinstance(value, ast.Call):
        return _last_name(value.func) in {"str", "repr", "gettext", "gettext_lazy", "_"}
    return isinstance(value, ast.Constant) and bool(value.value)


def _plain_text(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class _Words(HTMLParser):
    """Words of a template that stand outside of translate and blocktranslate."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        for name, value in attrs:
            if name in SHOWN_ATTRIBUTES:
                self._look(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._look(data)

    def _look(self, text: str) -> None:
        if _WORD.search(NAMES.sub("", text)):
            self.found.append((self.getpos()[0], " ".join(text.split())[:60]))


def find_in_template(source: str, path: str) -> list[Finding]:
    """Give the bare words of one template."""
    findings = [
        Finding(path, source[: match.start()].count("\n") + 1, f"a fallback is not marked: {match[1]}")
        for match in _FALLBACK.finditer(source)
        if _SENTENCE.search(NAMES.sub("", match[1]))
    ]
    words = _Words()
    words.feed(_TAG.sub(_lines, _TRANSLATED.sub(_lines, source)))
    words.close()
    return sorted(findings + [Finding(path, line, f"not in translate: {text}") for line, text in words.found])


def _lines(match: re.Match[str]) -> str:
    """Nothing but the line ends, so that later lines keep their numbers."""
    return "\n" * match[0].count("\n")


def find_in_module(source: str, path: str, family: frozenset[str]) -> list[Finding]:
    """Give the findings of one module's source, sorted."""
    finder = TextFinder(path, family)
    finder.visit(ast.parse(source))
    return sorted(finder.findings)


def modules() -> Iterator[Path]:
    """All modules of the panel (the agent, which runs on nodes alone, speaks English to the panel)."""
    for package in PACKAGES:
        if (ROOT / package).exists():
            yield from python_files(ROOT / package)


def main(arguments: list[str]) -> int:
    """Check the whole repository; exit status 1 when anything was found or nothing read."""
    sources = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in modules()}
    family = families(sources.values())
    findings = [finding for path, source in sources.items() for finding in find_in_module(source, path, family)]
    pages = sorted({page for pattern in TEMPLATES for folder in ROOT.glob(pattern) for page in folder.rglob("*.html")})
    for page in pages:
        findings += find_in_template(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())
    for finding in findings:
        print(finding)
    print(f"texts: {len(sources)} modules, {len(pages)} templates, {len(findings)} findings")
    return 1 if findings or not sources or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
