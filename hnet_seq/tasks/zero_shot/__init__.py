"""Zero-shot tests of a checkpoint."""
