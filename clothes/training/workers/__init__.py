"""Training on several processes: the steps of one, with a share of each batch in each; worker 0 leads the others."""
