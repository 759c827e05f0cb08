"""Health checks, one file each; the runner finds and times them."""
