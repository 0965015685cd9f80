"""Internal: which channels are coded together, and the maps between them and the contacts."""
