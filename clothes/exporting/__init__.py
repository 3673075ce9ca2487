"""A bundle -> the same model in another format, kept only if its answers agree with the bundle's."""
