"""What every room leans on: files written whole or not at all, checksums, terminal text, the version."""
