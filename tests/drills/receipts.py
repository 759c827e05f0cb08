"""Receipts: which command block was run by which drill, and when. A test asks for one for each block."""

import datetime
import json
from pathlib import Path
from typing import Any

from npanel.runbook.blocks import Block

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "runbook"
FILE = FOLDER / "drilled.json"


def read(path: Path = FILE) -> dict[str, dict[str, Any]]:
    """Receipts by the digest of their block."""
    return json.loads(path.read_text())["blocks"] if path.exists() else {}


def write(block: Block, drill: str, known: list[Block], path: Path = FILE) -> None:
    """Add a receipt, and forget those of blocks that are gone."""
    kept = {digest: row for digest, row in read(path).items() if digest in {one.digest for one in known}}
    row = kept.setdefault(block.digest, {"page": block.page, "heading": block.heading, "drills": {}})
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    row["drills"][drill] = {"date": today, "result": "as the page says"}
    rows = dict(sorted(kept.items(), key=lambda pair: (pair[1]["page"], pair[0])))
    path.write_text(json.dumps({"blocks": rows}, indent=2, ensure_ascii=False) + "\n")


def missing(blocks: list[Block], receipts: dict[str, dict[str, Any]]) -> list[str]:
    """Blocks, with the drill that should have run them, for which there is no receipt."""
    return [
        f"{block.place}: not run by the drill {name} since it was changed"
        for block in blocks
        for name in block.drills
        if name not in receipts.get(block.digest, {}).get("drills", {})
    ]
