"""Chunks of a genome or corpus as words: counted, and held against controls and other cuts."""
