"""What predicts without a network: Markov models and context mixing."""
