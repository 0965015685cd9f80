"""Internal: from a signal to levelled frames, and back."""
