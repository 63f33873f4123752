"""What ``lexicon`` does: cuts, counts, compares, writes."""
