"""``make bench``: NPanel's figures, each beside its floor or peer in the same run."""
