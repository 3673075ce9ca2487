"""A photo -> the garments in it: what, where, how sure and which colour, on LiteRT, without TensorFlow."""
