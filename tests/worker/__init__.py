"""Tests of the worker's passes, on a real Postgres and a pretended provider."""
