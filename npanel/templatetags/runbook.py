"""A page of the runbook within another page."""

from typing import Any

from django import template

from npanel.runbook.pages import find_page

register = template.Library()


@register.inclusion_tag("admin/npanel/runbook_beside.html")
def runbook_beside(slug: str, heading: str, node: str = "") -> dict[str, Any]:
    """The page of this slug about a node, with a link to the page alone at a heading; nothing where there is none."""
    return {"page": find_page(slug, node) if slug else None, "heading": heading}
