"""A run -> plots and one HTML page."""
