"""One HTML page about a run: reading its files, drawing, writing the page."""
