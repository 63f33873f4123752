"""Learned chunks beside every control, at equal work and at equal time: docs/learned_cuts.md.

    python -m studies.learned_cuts plan|measure|run|test|table [options]

The data sets and the models, which are called arms, are data: ``study.yaml``.
"""
