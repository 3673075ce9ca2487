"""A split and a config -> a run folder with its bundle."""
