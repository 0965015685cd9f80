"""Published benchmarks, run on the recordings of whoever has them."""
