"""Faults of labelled data that make a score worthless."""
