"""Numbers in addresses and forms, read before the database sees them; and numbers as people write them."""

from django.utils.formats import number_format


def row_number(text: str) -> int | None:
    """A row's number as a person or a link wrote it; None when it is none, or too large for any row.

    ``isdigit`` alone takes what ``int`` refuses (``²``), and digits of other scripts, which no link of ours has.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def decimal(value: float, places: int) -> str:
    """A number as people of the language write it: grouped, with places behind the mark where they say something."""
    rounded = round(value, places)
    return str(number_format(rounded, 0 if rounded == int(rounded) else places, force_grouping=True))
