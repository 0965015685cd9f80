"""Networks written again for export: plain operations, every length of the time axis, no state."""
