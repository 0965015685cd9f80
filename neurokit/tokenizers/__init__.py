"""Neural codecs: recordings to integer tokens and back."""
