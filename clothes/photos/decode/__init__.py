"""The one decoder: path | bytes | open file | PIL image | array -> upright uint8 RGB pixels.

Nothing else in clothes opens a photo.

Reason codes of its PhotoErrors:

    missing        the file does not exist           not-a-photo   the bytes are no image in a supported format
    no-permission  the file cannot be read           truncated     the image ends too early
    folder         the path is a folder              too-large     more pixels or bytes than allowed
    empty          the file has no bytes             damaged       the image cannot be decoded
    heic-extra     a HEIC photo, and the extra 'heic' is not installed
"""

from clothes.photos.decode.decoder import Inspection, inspect, read, read_square, thumbnail
from clothes.photos.decode.letterbox import LETTERBOX_GRAY, letterbox, place_in_square
from clothes.photos.decode.opening import MAX_BYTES, SUFFIXES, Photo, read_file

__all__ = [
    "LETTERBOX_GRAY", "MAX_BYTES", "SUFFIXES", "Inspection", "Photo", "inspect", "letterbox", "place_in_square", "read",
    "read_file", "read_square", "thumbnail",
]  # fmt: skip
