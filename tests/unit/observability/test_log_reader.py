"""Reading log lines back: newest first, by either id, within bounds, whatever else is in the files."""

import json
from pathlib import Path

import pytest

from observability.log_reader import Reading, lines_of, log_files, newest_first

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 32


def _write(path: Path, *lines: object) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def test_newest_first_across_blocks(tmp_path: Path) -> None:
    """Lines longer and shorter than a block come whole, from the last to the first, the unfinished last one too."""
    lines = [f"{number}:" + "x" * (number * 9_000 % 150_000) for number in range(60)]
    path = tmp_path / "a.log"
    path.write_text("\n".join(lines))
    assert [line.decode() for line in newest_first(path, Reading([], []))] == lines[::-1]


def test_by_trace_or_correlation(tmp_path: Path) -> None:
    """Both ids are looked for as whole values; an id in a message, broken lines and other objects are passed over."""
    path = _write(
        tmp_path / "a.log",
        {"trace_id": TRACE, "message": "first"}, {"trace_id": OTHER, "correlation_id": TRACE, "message": "second"},
        {"trace_id": OTHER, "message": TRACE}, f'{{"trace_id": "{TRACE}"', f'["{TRACE}"]', {"trace_id": TRACE + "0"},
    )  # fmt: skip
    found, reading = lines_of(TRACE, files=[path])
    assert [line["message"] for line in found] == ["second", "first"]
    assert reading.files == ["a.log"] and not reading.cut


def test_bounds(tmp_path: Path) -> None:
    """No more lines than asked for, no more bytes than allowed, and it says that there was more."""
    path = _write(tmp_path / "a.log", *({"trace_id": TRACE, "n": number, "x": "y" * 500} for number in range(1_000)))
    found, reading = lines_of(TRACE, files=[path], limit=3)
    assert [line["n"] for line in found] == [999, 998, 997] and reading.cut
    found, reading = lines_of(TRACE, files=[path], most_bytes=64 * 1024)
    assert reading.cut and 0 < len(found) < 200 and found[0]["n"] == 999


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """What is missing is said, and the others are read."""
    path = _write(tmp_path / "b.log", {"trace_id": TRACE})
    found, reading = lines_of(TRACE, files=[tmp_path / "gone.log", path])
    assert len(found) == 1 and reading.unreadable == ["gone.log"] and reading.files == ["b.log"]


def test_which_files(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    """Rotated ones too, compressed ones not, and the one that the setting names."""
    folder = tmp_path / "log"
    folder.mkdir()
    for name in ("command.log", "command.log.1", "old.log.gz"):
        _write(folder / name, {})
    settings.NPANEL_LOG_DIR, settings.NPANEL_LOG_FILE = folder, str(_write(tmp_path / "else.txt", {}))  # type: ignore[attr-defined]
    assert {path.name for path in log_files()} == {"command.log", "command.log.1", "else.txt"}
