"""A `ModelConfig` -> a Keras model, and its weights -> LiteRT bytes."""
