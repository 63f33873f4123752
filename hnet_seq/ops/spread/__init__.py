"""Chunks back to their tokens."""
