"""What each verb is told: its help and its arguments. Nothing here imports what computes.

``hnet-seq VERB --help`` and a wrong word are answered at once; torch takes seconds.
"""
