"""A folder, list or bucket of any number of photos -> Parquet files of answers, computed on Ray."""
