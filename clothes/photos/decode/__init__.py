"""The one decoder: path | bytes | open file | PIL image | array -> upright uint8 RGB pixels.

Nothing else in clothes opens a photo.

Reason codes of its PhotoErrors:

    missing        the file does not exist           not-a-photo   the bytes are no image in a supported format
    no-permission  the file cannot be read           truncated     the image ends too early
    folder         the path is a folder              too-large     more pixels or bytes than allowed
    empty          the file has no bytes             damaged       the image cannot be decoded
    heic-extra     a HEIC photo, and the extra 'heic' is not installed
"""

from clothes.photos.decode.decoder import Inspection as Inspection
from clothes.photos.decode.decoder import inspect as inspect
from clothes.photos.decode.decoder import read as read
from clothes.photos.decode.decoder import read_square as read_square
from clothes.photos.decode.decoder import thumbnail as thumbnail
from clothes.photos.decode.letterbox import LETTERBOX_GRAY as LETTERBOX_GRAY
from clothes.photos.decode.letterbox import letterbox as letterbox
from clothes.photos.decode.letterbox import place_in_square as place_in_square
from clothes.photos.decode.opening import MAX_BYTES as MAX_BYTES
from clothes.photos.decode.opening import SUFFIXES as SUFFIXES
from clothes.photos.decode.opening import Photo as Photo
from clothes.photos.decode.opening import read_file as read_file
