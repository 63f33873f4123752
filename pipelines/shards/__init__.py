"""Shards: what writes, describes, splits and finds them."""
