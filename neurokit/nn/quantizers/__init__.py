"""Vector and scalar quantisers: one file for each kind."""
