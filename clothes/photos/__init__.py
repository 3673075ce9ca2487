"""A folder or a file -> upright uint8 pixels, a listing of class folders, a split into train, test and validation."""
