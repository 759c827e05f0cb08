"""Template tags of what joins the apps."""
