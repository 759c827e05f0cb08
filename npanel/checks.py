"""Django system checks of the wiring, with stable ids and hints."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from npanel.panel_certificate import HINT, reasons_against, tls_files


@register("npanel", deploy=True)
def check_panel_certificate(**kwargs: Any) -> list[CheckMessage]:
    """Production presents a certificate that browsers take."""
    if not settings.PRODUCTION:
        return []
    files = tls_files()
    # Whoever may not read the key's folder (a web process) leaves the key to whoever starts nginx.
    with_key = _is_there(files.key)
    return [
        Error(f"The panel's certificate {files.certificate}: {reason}", hint=HINT, id="npanel.E001")
        for reason in reasons_against(files, settings.ALLOWED_HOSTS, with_key=with_key)
    ]


def _is_there(path: Any) -> bool:
    """Whether we may look at a file; one that is missing is looked at, too, so that it is said."""
    try:
        path.open("rb").close()
    except PermissionError:
        return False
    except OSError:
        return True
    return True
