"""Command blocks are read as they stand, and one that says nothing of its drill is refused."""

from pathlib import Path

import pytest

from npanel.runbook.blocks import BadBlock, Block, blocks_of

PAGE = """# A page

## Recovery

1. Do it:

   ```bash drill=one,two step=recover at=node exit=3 shows="is down"
   echo 1
   ```

```text
what it prints
```

```sql skip="nobody can"
SELECT 1;
```
"""


def read(tmp_path: Path, text: str) -> list[Block]:
    path = tmp_path / "page.md"
    path.write_text(text)
    return blocks_of(path)


def test_a_block_says_who_runs_it_where_and_what_is_seen(tmp_path: Path) -> None:
    command, query = read(tmp_path, PAGE)
    assert command.text == "echo 1\n"
    assert (command.drills, command.step, command.at, command.exits) == (("one", "two"), "recover", "node", {3})
    assert (command.shows, command.heading, command.place) == ("is down", "Recovery", "page.md:7")
    assert (query.language, query.skip, query.drills) == ("sql", "nobody can", ())


@pytest.mark.parametrize("change", [("echo 1", "echo 2"), ("exit=3", "exit=2"), ("step=recover", "step=check")])
def test_a_change_of_commands_or_expectations_changes_the_digest(tmp_path: Path, change: tuple[str, str]) -> None:
    before = read(tmp_path, PAGE)[0].digest
    assert read(tmp_path, PAGE.replace(*change))[0].digest != before


def test_a_change_beside_the_block_keeps_the_digest(tmp_path: Path) -> None:
    before = read(tmp_path, PAGE)[0].digest
    assert read(tmp_path, PAGE.replace("1. Do it:", "New words.\n\n1. Do it now:"))[0].digest == before


@pytest.mark.parametrize(
    "info", ["", "drill=a skip=b", "drill=a step=later", "drill=a at=moon", "drill=a colour=red", 'drill=a shows="x']
)
def test_an_info_string_that_nobody_understands_is_refused(tmp_path: Path, info: str) -> None:
    with pytest.raises(BadBlock, match=r"page\.md:1"):
        read(tmp_path, f"```bash {info}\ntrue\n```\n")
