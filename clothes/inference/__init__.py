"""A bundle -> predictions, each with its confidence, heatmap and a check that the bundle is intact."""
