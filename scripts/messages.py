"""Collects all texts into locale/*/LC_MESSAGES/django.po and compiles them; with --check it only compares.

References name files without lines and the header holds no time, so that merges stay calm.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("de",)
SOURCES = ("accounts", "audit", "hosting", "npanel", "observability", "migrations_app", "templates", "static", "locale")
IGNORED = ("var", "build", "tests", "scripts", "docs", "staticfiles", "node_modules", "deploy")
_TIMES = re.compile(r'^"(?:POT-Creation-Date|PO-Revision-Date): .*\\n"\n', re.MULTILINE)

#: A message as the translator is asked for it: context, text, plural.
Key = tuple[str, str, str]


class MessagesError(Exception):
    """gettext is not there, or refuses a catalog."""


def catalog(language: str, root: Path = ROOT) -> Path:
    """The .po file of a language."""
    return root / "locale" / language / "LC_MESSAGES" / "django.po"


def collect(root: Path) -> None:
    """Extract all texts under a folder that holds the panel into its catalogs."""
    wanted = [word for language in LANGUAGES for word in ("--locale", language)]
    ignored = [word for name in IGNORED for word in ("--ignore", f"{name}/*")]
    options = ["--add-location", "file", "--no-obsolete", "--verbosity", "0"]
    _run([sys.executable, "manage.py", "makemessages", *wanted, *ignored, *options], root)
    for language in LANGUAGES:
        path = catalog(language, root)
        path.write_text(_TIMES.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")


def compile_to(source: Path, target: Path) -> None:
    """Compile one catalog; a translation whose places differ from the text's is refused."""
    _run(["msgfmt", "--check-format", "--check-header", f"--output-file={target}", str(source)], ROOT)


def entries(path: Path) -> dict[Key, tuple[tuple[str, ...], bool]]:
    """All messages of a catalog: their translations, and whether they are marked fuzzy."""
    found: dict[Key, tuple[tuple[str, ...], bool]] = {}
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        fields: dict[str, str] = {}
        name = ""
        for line in lines:
            if not line.startswith('"'):
                name, _blank, line = line.partition(" ")
            fields[name] = fields.get(name, "") + ast.literal_eval(line)
        if fields.get("msgid"):
            told = tuple(text for name, text in fields.items() if name.startswith("msgstr"))
            key = (fields.get("msgctxt", ""), fields["msgid"], fields.get("msgid_plural", ""))
            found[key] = (told, bool(re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE)))
    return found


def differences() -> list[str]:
    """What `make messages` would change: new and gone texts, fuzzy ones, and compiled catalogs that are not fresh."""
    found: list[str] = []
    with tempfile.TemporaryDirectory(prefix="npanel-messages-") as folder:
        copy = Path(folder) / "npanel"
        _copy(copy)
        collect(copy)
        for language in LANGUAGES:
            here, there = entries(catalog(language)), entries(catalog(language, copy))
            found += [f"{language}: not collected: {key[1]}" for key in there if key not in here]
            found += [f"{language}: not used any more: {key[1]}" for key in here if key not in there]
            found += [f"{language}: fuzzy: {key[1]}" for key, (_told, fuzzy) in here.items() if fuzzy]
            fresh = Path(folder) / f"{language}.mo"
            compile_to(catalog(language), fresh)
            compiled = catalog(language).with_suffix(".mo")
            if not compiled.exists() or compiled.read_bytes() != fresh.read_bytes():
                found.append(f"{language}: django.mo is not compiled from django.po")
    return found


def _copy(target: Path) -> None:
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", target)


def _run(argv: list[str], root: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NPANEL_")}
    with tempfile.TemporaryDirectory(prefix="npanel-messages-var-") as folder:
        environment |= {"NPANEL_ENVIRONMENT": "development", "NPANEL_VAR_DIR": folder}
        try:
            done = subprocess.run(argv, check=False, cwd=root, env=environment, capture_output=True, text=True)
        except OSError as error:
            raise MessagesError(f"{argv[0]} cannot be run ({error}): install gettext") from error
    if done.returncode:
        raise MessagesError(f"{' '.join(argv[:3])}: {done.stderr.strip() or done.stdout.strip()}")


def main(arguments: list[str]) -> int:
    """Collect and compile, or compare; exit status 1 when something differs or gettext fails."""
    try:
        if arguments == ["--check"]:
            found = differences()
            print("\n".join([*found, f"messages: {len(found)} differences (make messages brings them up to date)"]))
            return 1 if found else 0
        for language in LANGUAGES:
            catalog(language).parent.mkdir(parents=True, exist_ok=True)
        collect(ROOT)
        for language in LANGUAGES:
            compile_to(catalog(language), catalog(language).with_suffix(".mo"))
            texts = entries(catalog(language)).values()
            print(f"{language}: {len(texts)} texts, {sum(not all(told) for told, _fuzzy in texts)} untranslated")
    except MessagesError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
