"""Where sequences come from: files, shards, and the order of batches made of them.

Part of hnet-seq.
"""
