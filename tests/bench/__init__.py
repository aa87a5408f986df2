"""Benchmarks: measured beside a raw driver in one run, printed, and stored in `docs/benchmarks.md`."""
