#!/usr/bin/env python
"""NPanel's command line."""

import os
import sys

from npanel.env import prepare_metrics_directory


def main() -> None:
    """Run a management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npanel.settings")
    prepare_metrics_directory()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
