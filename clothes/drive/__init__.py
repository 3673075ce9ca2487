"""Class folders to and from Google Drive: `push` and `pull` of `syncing`, on a `Drive` of `store`."""
