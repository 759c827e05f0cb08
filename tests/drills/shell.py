"""One shell for one drill: blocks of the runbook are run in it as they stand, one after another."""

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from npanel.runbook.blocks import Block

PATIENCE_S = 300.0
_END = "npanel-drill-end-of-block"


@dataclass(frozen=True)
class Answer:
    """What a block printed (both streams), and the exit status of its last command."""

    block: Block
    status: int
    output: str

    @property
    def is_as_told(self) -> bool:
        """Whether a reader sees what the page says."""
        return self.status in self.block.exits and self.block.shows in self.output


class NotAsTold(AssertionError):
    """A block did something else than its page says."""

    def __init__(self, answer: Answer) -> None:
        block = answer.block
        super().__init__(
            f"{block.place}: exit {answer.status}, expected {sorted(block.exits)}"
            f"{f' and {block.shows!r}' if block.shows else ''}\n{block.text}--\n{answer.output}"
        )


class Shell:
    """A ``bash`` that lives as long as the drill.

    Args:
        environment: all of it. enter: gives the command that runs an argument list at the node's console.
        promql, sql: run a query of that language, and give the argument list to do so.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        enter: Callable[[Sequence[str]], list[str]],
        promql: Callable[[str], list[str]],
    ) -> None:
        self._folder, self._environment, self._enter, self._promql = folder, dict(environment), enter, promql
        self._count = 0
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env=self._environment, cwd="/",
        )  # fmt: skip

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bash.kill()
        self._bash.wait()

    def run(self, block: Block) -> Answer:
        """Run a block and compare with what its page says.

        Raises:
            NotAsTold: it differs.
        """
        answer = self._console(block) if block.at == "node" else self._typed(block)
        if not answer.is_as_told:
            raise NotAsTold(answer)
        return answer

    def _console(self, block: Block) -> Answer:
        argv = self._enter(["bash", "-s"])
        done = subprocess.run(
            argv, input=block.text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        return Answer(block, done.returncode, done.stdout)

    def _typed(self, block: Block) -> Answer:
        if block.language == "promql":
            return self._query(block, self._promql(block.text))
        text = f"manage.py dbshell -- --table <<'END_OF_SQL'\n{block.text}END_OF_SQL\n"
        status, output = self._type(text if block.language == "sql" else block.text)
        return Answer(block, status, output)

    @staticmethod
    def _query(block: Block, argv: list[str]) -> Answer:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return Answer(block, done.returncode, done.stdout)

    def _type(self, text: str) -> tuple[int, str]:
        """From a file, so that a command that reads its input does not swallow the next block."""
        self._count += 1
        script = self._folder / f"block-{self._count}.sh"
        script.write_text(text)
        assert self._bash.stdin is not None and self._bash.stdout is not None
        self._bash.stdin.write(f"source {script} </dev/null\nprintf '\\n{_END} %s\\n' $?\n")
        self._bash.stdin.flush()
        timer = threading.Timer(PATIENCE_S, self._bash.kill)
        timer.start()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_END):
                timer.cancel()
                return int(line.split()[1]), "".join(lines)
            lines.append(line)
        timer.cancel()
        return 255, "".join(lines) + "\n(the shell ended)"
