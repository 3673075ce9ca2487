"""The bundled network of outfits: small, complete, loaded without a path, and of use on photos."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.inference.classifier import BUNDLED_OUTFIT
from clothes.outfits.kinds import CLASSES
from tests.support.pictures import SHARED


def test_it_is_small_complete_and_loaded_without_a_path() -> None:
    parser = clothes.load_outfit()
    assert parser.path == BUNDLED_OUTFIT
    assert parser.classes == CLASSES
    assert clothes.verify(BUNDLED_OUTFIT).holds
    assert sum(path.stat().st_size for path in BUNDLED_OUTFIT.iterdir()) <= 5_000_000
    assert "/" not in (BUNDLED_OUTFIT / "bundle.json").read_text()  # no path of the machine that made it


def test_it_needs_no_network_and_no_tensorflow_and_sees_no_clothing_on_a_wall(tmp_path: Path) -> None:
    Image.fromarray(np.full((400, 300, 3), 200, np.uint8)).save(tmp_path / "wall.jpg")
    code = (
        "import sys, socket\n"
        "socket.socket = None\n"
        "from clothes.cli.main import main\n"
        "sys.argv = ['clothes', 'outfit', 'wall.jpg', '--json']\n"
        "try: main()\n"
        "finally: print([m for m in ('tensorflow', 'keras', 'gradio', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    answer, heavy = done.stdout.splitlines()
    assert json.loads(answer)["garments"] == []
    assert heavy == "[]"


@pytest.mark.skipif(not (SHARED / "outfits").exists(), reason="the shared photos are not there")
def test_it_finds_what_people_wear() -> None:
    """Street photos whose numbers end in 1, on which thresholds were chosen: three of five garments at least."""
    labels = json.loads((SHARED / "outfits" / "labels.json").read_text())
    parser, right, wanted = clothes.load_outfit(), 0, 0
    for photo in sorted((SHARED / "outfits" / "photos").glob("*1.jpg"))[:20]:
        mask = np.asarray(Image.open(SHARED / "outfits" / "masks" / f"{photo.stem}.png"))
        found = {garment.label for garment in parser.garments(photo)}
        worn = {name for code, name in labels.items() if (mask == int(code)).mean() > 0.01} & set(
            parser.classifier.classes
        )
        right, wanted = right + len(worn & found), wanted + len(worn)
    assert right / wanted > 0.6
