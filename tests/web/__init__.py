"""Tests of the page and the API, on a real Postgres."""
