"""Benchmarks: every bar measured in one run, printed, and stored in `docs/benchmarks.md`. No test collects them."""
