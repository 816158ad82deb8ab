"""Tests of the benchmarks: what is exact in them. Times never are."""
