"""Tests. They use real servers and never the network."""
