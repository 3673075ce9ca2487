"""QR codes are read by another program."""

import numpy as np
import pytest

from clothes.web.qr_code import qr_code, svg_path

cv2 = pytest.importorskip("cv2", reason="reads the codes")


@pytest.mark.parametrize("length", [1, 17, 18, 32, 33, 53, 54, 78, 79, 106])
def test_codes_of_each_version_are_read(length: int) -> None:
    text = ("http://192.168.178.23:54321/?class=T-Shirt%20" * 3)[:length]
    modules = qr_code(text)
    picture = np.pad(np.where(modules, 0, 255).astype(np.uint8), 4, constant_values=255)
    pictures = (np.kron(picture, np.ones((scale, scale), np.uint8)) for scale in (4, 8, 10))
    assert text in [cv2.QRCodeDetector().detectAndDecode(large)[0] for large in pictures]  # it fails at some scales
    assert svg_path(modules).count("M") == sum(map(sum, modules))


def test_a_longer_text_is_refused() -> None:
    with pytest.raises(ValueError, match="107 bytes"):
        qr_code("x" * 107)
