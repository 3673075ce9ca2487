"""A folder of photos -> a tested recogniser, step by step, for a page: edits with undo, jobs and results."""
