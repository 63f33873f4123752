"""What a score is worth: audits, probes, measures with intervals, baselines."""
