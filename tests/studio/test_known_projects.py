"""The list of the projects that were opened on this computer."""

from pathlib import Path

import pytest

from clothes.studio.known_projects import known_projects, remember
from clothes.studio.project import Project


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOTHES_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def test_the_last_opened_is_first_and_those_that_are_gone_are_left_out(tmp_path: Path) -> None:
    assert known_projects() == []
    one, two = (Project.open(tmp_path / name) for name in ("one", "two"))
    for project in (one, two, one):
        remember(project)
    assert known_projects() == [one.root, two.root]
    one.root.rename(tmp_path / "elsewhere")
    assert known_projects() == [two.root]


@pytest.mark.parametrize("content", ["", "[]", '{"projects": 1}', '{"projects": [1]}'])
def test_a_damaged_list_is_made_anew(config: Path, tmp_path: Path, content: str) -> None:
    config.mkdir()
    (config / "projects.json").write_text(content)
    assert known_projects() == []
    remember(project := Project.open(tmp_path / "one"))
    assert known_projects() == [project.root]


def test_a_config_folder_that_cannot_be_made_is_no_error(config: Path, tmp_path: Path) -> None:
    config.write_text("a file")
    remember(Project.open(tmp_path / "one"))
    assert known_projects() == []
