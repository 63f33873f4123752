"""What the Python functions give back, as a notebook shows it and as tables."""
