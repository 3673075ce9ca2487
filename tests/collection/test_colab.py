"""The notebook for Colab: valid, clean, and its cells run, on a folder here in the place of the mounted Drive."""

import json
import shlex
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from clothes.cli.main import main
from tests.support.pictures import SMALL, make_photos

NOTEBOOK = Path(__file__).parents[2] / "docs" / "colab.ipynb"
if not NOTEBOOK.exists():
    pytest.skip("not in a checkout", allow_module_level=True)

from tests.support.commands import parse_line

BOOK = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
CELLS = {cell["id"]: "".join(cell["source"]) for cell in BOOK["cells"] if cell["cell_type"] == "code"}


def test_the_notebook_is_valid_and_clean() -> None:
    assert (BOOK["nbformat"], BOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in BOOK["cells"]}) == len(BOOK["cells"])
    for cell in BOOK["cells"]:
        common = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == common | ({"execution_count", "outputs"} if cell["cell_type"] == "code" else set())
        assert not cell.get("outputs") and cell.get("execution_count") is None
    assert not [place for place in ("/home", "/root", "/tmp", "/Users", "http") if place in NOTEBOOK.read_text()]


def test_every_command_of_the_notebook_can_be_parsed() -> None:
    lines = [line for text in CELLS.values() for line in text.splitlines() if line.startswith("!")]
    assert len(lines) == 4 and all(map(parse_line, lines))


@pytest.mark.slow
def test_the_cells_run(mounted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each cell as IPython would run it; a small network is enough."""
    for module in ("keras", "gradio"):
        pytest.importorskip(module, reason="the notebook needs the extras train and serve")
    from clothes.web.base_page import Page

    make_photos(mounted / "MyDrive" / "clothes" / "photos", each=10)
    (mounted / "MyDrive" / "clothes" / "clothes-0.1.0-py3-none-any.whl").touch()
    (mounted / "small.json").write_text(SMALL.to_json())
    quick = f'--config "{mounted}/small.json" --epochs 1'
    shown: list[Any] = []
    opened: dict[str, Any] = {}
    drive = types.SimpleNamespace(mount=lambda place: None)
    display = types.SimpleNamespace(Image=lambda path: Path(path).stat().st_size)
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=drive))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(Page, "launch", lambda page, **options: (opened.update(options), "", ""))
    names: dict[str, Any] = {"display": shown.append}
    for text in CELLS.values():
        text = text.replace("/content/drive", str(mounted)).replace("--model efficientnet-lite0 --minutes 20", quick)
        python = [line for line in text.splitlines() if not line.startswith(("!", "%"))]
        exec("\n".join(python), names)
        for line in text.splitlines():
            if line.startswith(("!", "%")):
                line = eval(f"f{line!r}", names)
            if line.startswith("%"):
                assert line == f'%pip install --quiet "{names["wheels"][-1]}[train,serve,weights]"'
            elif line.startswith("!"):
                monkeypatch.setattr(sys, "argv", shlex.split(line[1:]))
                with pytest.raises(SystemExit) as ended:
                    main()
                assert ended.value.code == 0, capsys.readouterr().err
    assert len(shown) == 2 and min(shown) > 2000
    assert (opened["share"], opened["auth"]) == (True, ("clothes", names["password"]))
