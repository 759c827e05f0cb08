"""The web process's entry point."""

import os

from npanel.env import prepare_metrics_directory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npanel.settings")
os.environ.setdefault("NPANEL_INTERFACE", "admin")
prepare_metrics_directory()

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
