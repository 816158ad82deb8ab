"""Tests of the adapters and of the sender."""
