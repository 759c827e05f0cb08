"""Small charts as SVG, drawn on the server: no script, and no style that the policy would refuse."""

from collections.abc import Sequence
from typing import Any

from django import template

register = template.Library()

#: A least point above this share of the greatest is far from zero.
_FAR = 0.6


@register.inclusion_tag("admin/npanel/spark.html")
def sparkline(points: Sequence[float], width: int = 120, height: int = 28) -> dict[str, Any]:
    """A small line without axes: how a figure went, for the eye only.

    It begins at zero, unless all points are so far above it that nothing could be seen of their changes.
    """
    low, high = min(points), max(points)
    low = low if low > high * _FAR else 0.0
    room, across = (high - low) or 1.0, width / max(1, len(points) - 1)
    line = [
        f"{n * across:.1f},{height - 2 - (point - low) / room * (height - 4):.1f}" for n, point in enumerate(points)
    ]
    area = f"0,{height} {' '.join(line)} {width},{height}"
    return {"line": " ".join(line), "area": area, "width": width, "height": height}
