"""Photos of one's own classes -> a new head on a trained network, in seconds and without TensorFlow."""
