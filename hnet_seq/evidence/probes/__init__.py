"""Classifiers and regressions on features, with their penalty chosen."""
