"""Sequences that are nearly the same."""
