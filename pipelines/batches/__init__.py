"""From shards to the batches of a step, in one order."""
