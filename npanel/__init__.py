"""NPanel's wiring: settings, URLs, the console's site; nothing else imports from here."""
