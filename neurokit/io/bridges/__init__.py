"""Internal: objects of other packages to recordings, and back."""
