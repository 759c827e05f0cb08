"""The build refuses every way to start a shell, and refuses nothing else."""

from pathlib import Path

import pytest

from scripts import no_shell

SHELLS = {
    "keyword": "import subprocess\nsubprocess.run('ls', shell=True)",
    "keyword by a variable": "import subprocess\nsubprocess.run('ls', shell=wanted)",
    "truthy keyword": "import subprocess\nsubprocess.Popen('ls', shell=1)",
    "ninth position": "import subprocess\nsubprocess.Popen('ls', -1, None, None, None, None, None, True, True)",
    "renamed module": "import subprocess as sp\nsp.check_output('ls', shell=True)",
    "renamed function": "from subprocess import call as start\nstart('ls', shell=True)",
    "an unknown callee": "runner('ls', shell=True)",
    "partial": "import functools, subprocess\nf = functools.partial(subprocess.run, shell=True)",
    "dictionary": "import subprocess\nsubprocess.run('ls', **{'shell': True})",
    "dict call": "options = dict(shell=True)",
    "dictionary item": "options['shell'] = True",
    "os.system": "import os\nos.system('ls')",
    "os.system renamed": "import os as o\no.system('ls')",
    "os.system imported": "from os import system",
    "os.system passed on": "import os\nmap(os.system, names)",
    "os.system by getattr": "import os\ngetattr(os, 'system')('ls')",
    "os.system by __import__": "__import__('os').system('ls')",
    "os.system by importlib": "import importlib\nimportlib.import_module('os').system('ls')",
    "imported late": "def f():\n    s('ls')\n    from os import system as s",
    "os.popen": "import os\nos.popen('ls').read()",
    "getoutput": "import subprocess\nsubprocess.getoutput('ls')",
    "getstatusoutput": "from subprocess import getstatusoutput\ngetstatusoutput('ls')",
    "asyncio": "import asyncio\nasyncio.create_subprocess_shell('ls')",
    "asyncio's module": "from asyncio import subprocess as sp\nsp.create_subprocess_shell('ls')",
    "event loop": "loop.subprocess_shell(factory, 'ls')",
    "pty": "import pty\npty.spawn('/bin/sh')",
    "paramiko": "client.exec_command('ls')",
    "paramiko by getattr": "getattr(client, 'exec_command')('ls')",
    "paramiko's shell": "client.invoke_shell()",
    "sh -c": "run(['sh', '-c', text])",
    "bash -lc with a path": "run(('/bin/bash', '-lc', text))",
    "a shell behind env": "run(['env', '-i', 'sh', '-c', text])",
    "a shell behind runuser": "run(['runuser', '-u', user, '--', 'sh', '-c', text])",
    "su -c": "run(['su', '-', user, '-c', text])",
    "a file that is no Python": "def broken(:",
}

HARMLESS = {
    "argument list": "import subprocess\nsubprocess.run(['ls', path], check=True)",
    "shell=False": "import subprocess\nsubprocess.run(['ls'], shell=False)",
    "the login shell of a user": "user = SystemUser(name='a', shell='/usr/sbin/nologin')",
    "the login shell as a variable": "user = replace(user, shell=shell)",
    "the login shell in a dictionary": "user = {'shell': '/bin/bash'}",
    "a comment and a string": "# os.system('ls')\ntext = 'shell=True, os.system, exec_command'",
    "somebody's system": "system = host.system\nhost.popen('x')",
    "another program's -c": "run(['runuser', '-u', user, '--', 'nginx', '-c', path])",
    "a Python program": "run(['python3', '-c', text])",
    "the path of a shell": "run(['usermod', '--shell', '/bin/sh', name])",
}


@pytest.mark.parametrize("source", SHELLS.values(), ids=SHELLS.keys())
def test_a_planted_shell_is_found(source: str) -> None:
    assert no_shell.find_shells(source, "hosting/services/sites.py")


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS.keys())
def test_harmless_source_passes(source: str) -> None:
    assert no_shell.find_shells(source, "hosting/services/sites.py") == []


def test_only_the_agent_starter_may_execute_a_remote_command() -> None:
    source = "channel.exec_command('python3 -c …')"
    assert no_shell.find_shells(source, "hosting/connections/ssh.py") == []
    assert no_shell.find_shells(source, "hosting/connections/local.py")
    assert no_shell.find_shells("import os\nos.system('ls')", "hosting/connections/ssh.py")


def test_a_finding_names_file_line_and_reason() -> None:
    (finding,) = no_shell.find_shells("import os\n\nos.system('ls')\n", "hosting/tasks.py")
    assert str(finding) == "hosting/tasks.py:3: os.system starts a shell"


def test_the_command_fails_on_a_planted_file_and_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "bad.py").write_text("import os\nos.popen('ls')\n")
    (tmp_path / "script").write_text("#!/usr/bin/env python3\nimport os\nos.system('ls')\n")
    (tmp_path / "good.py").write_text("print('hello')\n")
    assert no_shell.main([str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert "deep/er/bad.py:2: os.popen" in output
    assert "script:3: os.system" in output
    assert "no_shell: 3 files, 2 findings" in output


def test_the_command_fails_when_there_was_nothing_to_read(tmp_path: Path) -> None:
    assert no_shell.main([str(tmp_path)]) == 1


def test_this_repository_has_no_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert no_shell.main([]) == 0, capsys.readouterr().out
