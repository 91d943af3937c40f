"""Benchmarks that anyone can run: `python -m bench --help`. What they measured stands in docs/benchmarks.md."""
