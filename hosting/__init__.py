"""What NPanel exists for: hosting services planned, applied, verified, recorded and reversible."""
