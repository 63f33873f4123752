"""The router's cosine of each position and the one before it."""
