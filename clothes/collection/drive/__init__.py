"""Class folders to and from Google Drive."""
