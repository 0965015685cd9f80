"""Internal: one file for each format that recordings come in."""
