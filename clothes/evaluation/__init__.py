"""A bundle and a test part -> numbers: accuracy, comparison, label errors, what to photograph next."""
