"""Every command block of the runbook was run by its drills, as it stands now."""

import dataclasses
from pathlib import Path

from npanel.runbook.blocks import Block, all_blocks
from tests.drills import receipts
from tests.drills.catalogue import DRILLS

BLOCK = Block("page", "Recovery", 3, "bash", "echo 1\n", {"drill": "one,two"})


def test_every_block_has_a_receipt_of_each_of_its_drills() -> None:
    assert receipts.missing(all_blocks(receipts.FOLDER), receipts.read()) == []


def test_blocks_name_drills_that_exist_and_drills_have_blocks() -> None:
    named = {name for block in all_blocks(receipts.FOLDER) for name in block.drills} - {"every"}
    assert named == {drill.name for drill in DRILLS}


def test_each_drill_begins_with_a_page_that_exists() -> None:
    for drill in DRILLS:
        assert (receipts.FOLDER / f"{drill.page}.md").exists()


def test_a_block_that_was_changed_or_not_run_by_all_its_drills_is_found(tmp_path: Path) -> None:
    file = tmp_path / "drilled.json"
    receipts.write(BLOCK, "one", [BLOCK], file)
    assert len(receipts.missing([BLOCK], receipts.read(file))) == 1
    receipts.write(BLOCK, "two", [BLOCK], file)
    assert receipts.missing([BLOCK], receipts.read(file)) == []
    changed = dataclasses.replace(BLOCK, text="echo 2\n")
    assert len(receipts.missing([changed], receipts.read(file))) == 2


def test_receipts_of_blocks_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    file, other = tmp_path / "drilled.json", dataclasses.replace(BLOCK, text="echo 2\n")
    receipts.write(BLOCK, "one", [BLOCK], file)
    receipts.write(other, "one", [other], file)
    assert set(receipts.read(file)) == {other.digest}
