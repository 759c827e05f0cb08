"""NPanel's version, as pages, metrics and audit events show it."""

VERSION = "0.1.0"
