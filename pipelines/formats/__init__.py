"""Files that hold sequences, their annotation, variants and tables."""
