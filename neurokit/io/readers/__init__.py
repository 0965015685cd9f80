"""Internal: one file for each format, and what its reader can serve (`READER`)."""
