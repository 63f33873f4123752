"""Parts, a function and a writer: one way to compute, by one process or several, killed or not."""
