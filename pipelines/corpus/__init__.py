"""Corpora: genomes by the thousand, each of which is one unit of a split and of weights."""
