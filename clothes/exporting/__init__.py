"""A bundle -> the same model in another format, compared with the bundle before it is kept."""
