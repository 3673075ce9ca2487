"""A list of photos with masks -> a network that names each cell of a photo, as a bundle for `clothes.outfits`."""
