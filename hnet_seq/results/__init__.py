"""What verbs leave, a record for each file, and what functions give back, for notebooks.

A file is written and read by its record alone: :meth:`hnet_seq.results.record.Result.write`,
:func:`hnet_seq.results.read.read_result`. A key that goes or changes its meaning raises ``SCHEMA``.
"""
