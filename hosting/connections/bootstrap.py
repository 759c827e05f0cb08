"""Turns the agent's source files into one text, and names the command that runs it on a node."""

import functools
from pathlib import Path

_FOLDER = Path(__file__).parent / "agent"
# In the order of their imports.
MODULES = (
    "wire fields identity paths facts ownership failpoints temporary directories files trees "
    "warden commands network journal operations main"
).split()
# Reads the program by its length from standard input, so that nothing of it is ever part of a command line.
STARTER = "import sys;exec(compile(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())),'npanel-agent','exec'))"
_LOADER = """\
import sys, types
package = types.ModuleType("npanel_agent")
package.__path__ = []
sys.modules["npanel_agent"] = package
for name, source in SOURCES:
    module = types.ModuleType("npanel_agent." + name)
    module.__package__ = "npanel_agent"
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, "npanel_agent/" + name + ".py", "exec"), module.__dict__)
sys.modules["npanel_agent.main"].main()
"""


def command(python: str = "python3") -> list[str]:
    """Argument list that starts the agent; ``-I`` keeps the node's environment and user packages out of it."""
    return [python, "-I", "-c", STARTER]


@functools.cache
def program() -> bytes:
    """What is sent first: the length of the program in decimal, a newline, the program."""
    sources = [(name, (_FOLDER / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    text = f"SOURCES = {sources!r}\n{_LOADER}".encode()
    return b"%d\n" % len(text) + text
