"""Camera, folders, zip files, the web, public data sets and Google Drive -> class folders with each origin."""
