"""Reads PromQL as far as tests need it: which metrics and which views an expression names."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy" / "prometheus" / "rules"
_WORDS = frozenset({"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool"})
_NOT_NAMES = (r"#[^\n]*", r"\{[^}]*\}", r"\[[^\]]*\]", r"\b(?:by|without|on|ignoring|group_left)\s*\([^)]*\)",
              r"\boffset\s+\w+")  # fmt: skip


def metrics_in(expression: str) -> set[str]:
    """The names of all metrics in an expression."""
    text = re.sub(r'"[^"]*"', '""', expression)
    for pattern in _NOT_NAMES:
        text = re.sub(pattern, " ", text)
    found = re.findall(r"(?<![\w:.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", text)
    return {name for name in found if name not in _WORDS}


def views_in(expression: str) -> set[str]:
    """The pattern of each view that an expression names; alternatives, also those in a group, one by one."""
    patterns = re.findall(r'\bview(?:=|=~|!~|!=)"([^"]*)"', expression)
    return {one for pattern in patterns for part in re.split(r"\|(?![^(]*\))", pattern) for one in _spelled_out(part)}


def _spelled_out(part: str) -> list[str]:
    group = re.search(r"\(([^()]*)\)", part)
    return [part.replace(group[0], one) for one in group[1].split("|")] if group else [part]


def rules() -> list[dict[str, Any]]:
    """Every shipped rule, alerts and records."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def view_names() -> set[str]:
    """Every view of both interfaces, as django-prometheus names it."""
    return {name for urls in ("npanel.urls_admin", "npanel.urls_portal") for name in _names(get_resolver(urls), "")}


def _names(resolver: URLResolver, prefix: str) -> Iterable[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _names(pattern, f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield prefix + pattern.name
