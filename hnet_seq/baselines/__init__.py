"""Names of earlier versions; what they stand for is in :mod:`hnet_seq.evidence`."""
