"""What an outfit network tells apart: one class a cell of its map, and the kinds of garments that share a place.

Classes of one kind are worn in the same place, so that a region is of a kind first and of a class second.
"""

BACKGROUND, PERSON = "background", "person"  # no garments: everything else, and skin and hair
KINDS: dict[str, tuple[str, ...]] = {
    "outer": ("outwear",),
    "inner": ("longsleeve", "shirt", "t-shirt"),
    "full body": ("dress",),
    "lower": ("pants", "shorts", "skirt"),
    "feet": ("shoes",),
    "head": ("hat",),
    "bag": ("bag",),
    "hosiery": ("hosiery",),
    "scarf": ("scarf",),
}
GARMENTS = tuple(garment for garments in KINDS.values() for garment in garments)
CLASSES = (BACKGROUND, PERSON, *GARMENTS)
"""The classes of the bundled network, in the order of its outputs."""
KIND_OF = {garment: kind for kind, garments in KINDS.items() for garment in garments}
UPPER = ("outer", "inner")  # one over the other: a jacket over a shirt
