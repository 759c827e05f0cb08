"""One file or folder per real daemon; importing this package registers each of them.

Every module (or package) in this folder but ``base`` and names with a leading underscore is imported, so a new adapter
is one new file.
"""

import importlib
import pkgutil

for _module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    if _module != "base" and not _module.startswith("_"):
        importlib.import_module(f"{__name__}.{_module}")
