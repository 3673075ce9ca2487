"""No sentence that the studio's page shows names an option or a command: a page has none."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes import errors
from clothes.collection.http_client import Fetcher
from clothes.errors import ConfigError, DivergenceError, MissingExtraError, RunError
from clothes.studio import problems
from clothes.studio.intake import Intake
from clothes.studio.page_sentences import error_for_page, for_page, for_page_all
from clothes.studio.project import Project
from clothes.studio.web_intake import add_addresses

PACKAGE = Path(clothes.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
COMMANDS = "|".join(path.stem for path in (PACKAGE / "cli" / "commands").glob("*.py"))
FOR_THE_SHELL = re.compile(rf"(?<![\w-])--[a-z]|`|pip install|\bclothes (train|split|check|{COMMANDS})\b")
FAMILIES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
TELLERS = {"append", "Refused", "Skipped"}  # calls whose text is told


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def reachable() -> dict[str, ast.Module]:
    """The modules that the studio may import."""
    found: dict[str, ast.Module] = {}
    todo = [name for name in MODULES if name.startswith(("clothes.studio", "clothes.web.studio"))]
    while todo:
        if (name := todo.pop()) in MODULES and name not in found:
            found[name] = ast.parse(MODULES[name].read_text(encoding="utf-8"))
            todo += imports(found[name])
    return found


def text_of(node: ast.AST) -> str:
    """A text as it may look: X stands for each value in it, which may be a sentence."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join("X" if isinstance(part, ast.FormattedValue) else text_of(part) for part in node.values)  # type: ignore[attr-defined]


def told(tree: ast.Module) -> Iterator[str]:
    """The texts of errors and notes."""
    for node in ast.walk(tree):
        name = getattr(node, "func", None)
        is_told = isinstance(node, ast.Call) and getattr(name, "attr", getattr(name, "id", "")) in TELLERS
        if isinstance(node, ast.Raise) or is_told:
            inner = {id(part) for text in ast.walk(node) if isinstance(text, ast.JoinedStr) for part in text.values}
            for text in ast.walk(node):
                if isinstance(text, ast.JoinedStr) or (isinstance(text, ast.Constant) and id(text) not in inner):
                    yield re.sub(r"X (?=[A-Z])", "X. ", text_of(text).replace(".X ", ". X "))


SENTENCES = sorted({text for name, tree in reachable().items() for text in told(tree) if FOR_THE_SHELL.search(text)})


def test_the_sentences_are_found() -> None:
    assert len(reachable()) > 100
    assert len(SENTENCES) > 50 and any("--allow-private" in text for text in SENTENCES)


@pytest.mark.parametrize("text", SENTENCES)
def test_a_page_shows_what_is_wrong_without_options_and_commands(text: str) -> None:
    shown = for_page(text)
    assert not FOR_THE_SHELL.search(shown)
    if text.startswith("--"):  # about an option itself: a page gives none
        assert error_for_page(ConfigError(text)).startswith(shown or "This is not possible")
        return
    assert shown, "the first sentence says what is wrong, and names no option outside brackets"
    assert shown.count("(") == shown.count(")")
    assert shown[-1] == text[-1] or shown[-1] in ".X" or text.endswith(")")


def test_words_of_the_page_name_no_option_or_command() -> None:
    for name in ("studio_words.js", "studio.html"):
        words = (PACKAGE / "web" / "static" / name).read_text(encoding="utf-8")
        quoted = re.findall(r'"([^"\n]*)"', words)
        assert [text for text in quoted if FOR_THE_SHELL.search(text)] in ([], ["clothes studio"])  # its name
    for name in MODULES:
        if name.startswith(("clothes.studio", "clothes.web.studio")):
            assert [text for text in told(ast.parse(MODULES[name].read_text())) if FOR_THE_SHELL.search(text)] == []


def test_alternatives_that_a_page_has_are_kept() -> None:
    assert for_page("It is in use. Wait until it has ended, or train into another --out.") == (
        "It is in use. Wait until it has ended."
    )
    assert for_page("It is 10 % (--x shows it), and 3 (three) others. Make room. Run `clothes check p`. Go on.") == (
        "It is 10 %, and 3 (three) others. Make room. Go on."
    )
    assert for_page("a--b.png of clothes in x-train: gone.") == "a--b.png of clothes in x-train: gone."
    assert for_page_all(["Look (--all).", "Use --pool."]) == ["Look."]


def test_a_page_gives_its_own_advice_in_the_place_of_an_option() -> None:
    assert error_for_page(MissingExtraError("drive", "Google Drive")) == (
        "Google Drive needs the extra 'drive'. Ask who installed clothes on this computer to add it."
    )
    loss = DivergenceError("The loss is NaN. Train again with a smaller learning_rate than 1 (in a --config file).")
    assert error_for_page(loss) == "The loss is NaN. Choose Quick, or begin another training."
    assert error_for_page(RunError("Gone. Put it back.")) == "Gone. Put it back."


def test_a_private_address_is_refused_without_an_option(tmp_path: Path) -> None:
    project = Project.open(tmp_path / "mine")
    with Intake(project) as intake, Fetcher(find=lambda host, port: ["10.1.2.3"]) as fetcher:
        result = add_addresses(intake, ["http://inside.example/1.png"], fetcher=fetcher).to_dict()
    [[address, reason]] = result["refused"]
    assert address == "http://inside.example/1.png"
    assert reason == "inside.example is 10.1.2.3, which belongs to a private network: refused"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_failed_job_tells_no_option_whatever_the_error(family: Any, tmp_path: Path) -> None:
    given = {
        errors.PhotoError: ("a.png", "x", "it is odd (--y)"),
        errors.MissingExtraError: ("tune", "Searching"),
    }.get(family, ("It is odd. Give another --out.",))
    told = problems.explain(family(*given), "train", tmp_path, learnt=False)
    assert told["what"] and not FOR_THE_SHELL.search(told["what"])
