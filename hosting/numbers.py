"""Numbers in addresses and forms, read before the database sees them."""


def row_number(text: str) -> int | None:
    """A row's number as a person or a link wrote it; None when it is none, or too large for any row.

    ``isdigit`` alone takes what ``int`` refuses (``²``), and digits of other scripts, which no link of ours has.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
