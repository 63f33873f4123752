"""Models of other people, read so that they stand in the same tables."""
