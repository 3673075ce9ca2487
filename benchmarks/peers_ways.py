"""The ways that benchmarks/peers.py compares: what each installs, its two commands, what it does beside answering."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "benchmarks" / "peers"


def read_tabbed(output: str) -> dict[str, str]:
    """Returns the label of each file name from lines of a path, a tab and a label."""
    found = (line.split("\t") for line in output.splitlines() if "\t" in line)
    return {Path(path).name: label for path, label in found}


def read_yolo(output: str) -> dict[str, str]:
    """Returns the label of each file name from lines such as `image 1/2 a/b.jpg: 224x224 hat 0.81, coat 0.1, 9.0ms`."""
    found = re.findall(r"^image \d+/\d+ (.+?): \d+x\d+ (\S+) [\d.]+", output, re.MULTILINE)
    return {Path(path).name: label for path, label in found}


def read_clothes(output: str) -> dict[str, str]:
    """Returns the best label of each file name, also where the answer is "not sure"."""
    answers = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {Path(answer["photo"]).name: answer["label"] for answer in answers}


@dataclass(frozen=True)
class Way:
    """A way to train and to predict. Words may hold {python}, {bin}, {photos}, {model}, {folder} and {epochs}."""

    name: str
    package: str  # whose version is shown
    needs: tuple[str, ...]
    train: tuple[str, ...]
    predict: tuple[str, ...]
    read: Callable[[str], dict[str, str]]
    starts_from: str
    unsure: str  # whether it says "not sure", and why
    alike: str  # whether it keeps look-alikes in one part
    killed: str  # what is left after a kill
    epochs: dict[str, int] = field(default_factory=dict)  # by data, of ways without a default; for AutoGluon seconds
    asks_epochs: tuple[str, ...] = ()  # added to `train` for a number of epochs that is not the default
    asks_minutes: tuple[str, ...] = ()  # the same for a time limit
    script: str = ""

    @property
    def lines(self) -> int:
        """The lines that a user writes: the two commands, and the code of the script."""
        return 2 + (count_lines((SCRIPTS / self.script).read_text(encoding="utf-8")) if self.script else 0)

    @property
    def is_ours(self) -> bool:
        return self.package == "clothes"


def count_lines(code: str) -> int:
    """Returns the number of lines of Python code without blank lines, comments and docstrings."""
    beside = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.type not in beside]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def scripted(name: str, package: str, script: str, *needs: str, epochs: dict[str, int], **facts: str) -> Way:
    """Returns a way whose user writes a script."""
    words = ("{python}", str(SCRIPTS / script))
    train = (*words, "train", "{photos}", "{model}", *(("{epochs}",) if epochs else ()))
    predict = (*words, "predict", "{model}", "{folder}")
    facts = {"starts_from": "nothing", "unsure": "no", "alike": "no", "killed": "starts again"} | facts
    return Way(name, package, needs, train, predict, read_tabbed, epochs=epochs, script=script, **facts)


def ours(name: str, needs: str, *options: str, starts_from: str) -> Way:
    return Way(
        name=f"clothes, {name}",
        package="clothes",
        needs=(needs, *(("tensorflow-cpu",) if "keras" in needs else ())),
        train=("{bin}/clothes", "train", "{photos}", *options, "--out", "{model}"),
        predict=("{bin}/clothes", "predict", "{folder}", "--model", "{model}", "--json"),
        read=read_clothes,
        starts_from=starts_from,
        asks_epochs=("--epochs", "{epochs}") if "keras" in needs else (),
        asks_minutes=("--minutes", "{minutes}") if "weights" in needs else (),
        unsure="yes",
        alike="yes: near-duplicates, and people or shops that are named",
        killed="the same command with `--resume` goes on" if "keras" in needs else "starts again, from kept features",
    )


WAYS = (
    ours("quick", str(ROOT), "--model", "quick", starts_from="the bundled network"),
    ours("Sequential", f"{ROOT}[keras]", starts_from="nothing"),
    ours(
        "EfficientNet-Lite0",
        f"{ROOT}[keras,weights]",
        "--model",
        "efficientnet-lite0",
        starts_from="ImageNet weights of a package",
    ),
    scripted(
        "Keras tutorial",
        "keras",
        "keras_tutorial.py",
        "tensorflow-cpu",
        epochs={"all": 15, "few": 15},
        unsure="no: the largest score is the answer",
        alike="no: `validation_split` draws single photos",
        killed="starts again: `fit` saves nothing without a callback",
    ),
    Way(
        name="Ultralytics",
        package="ultralytics",
        needs=("ultralytics",),
        train=(
            *("{bin}/yolo", "classify", "train", "model=yolo26n-cls.yaml", "data={photos}", "imgsz=224"),
            *("epochs={epochs}", "device=cpu", "project={model}", "name=run"),
        ),
        predict=(
            "{bin}/yolo",
            "classify",
            "predict",
            "model={model}/run/weights/best.pt",
            "source={folder}",
            "save=False",
        ),
        read=read_yolo,
        starts_from="nothing",
        unsure="no: `top1` is always a class",
        alike="no: `split_classify_dataset` draws single photos",
        killed="`resume=True` goes on from the last whole epoch",
        epochs={"all": 100, "few": 100},
    ),
    scripted(
        "torchvision ResNet-18",
        "torchvision",
        "torchvision_resnet.py",
        "torchvision",
        epochs={"all": 90, "few": 90},
        unsure="no: the largest score is the answer",
        alike="no: the parts are the user's",
        killed="starts again; the weights of the best epoch are kept",
    ),
    scripted(
        "fastai ResNet-18",
        "fastai",
        "fastai_resnet.py",
        "fastai",
        epochs={"all": 60, "few": 60},
        unsure="no: the largest score is the answer",
        alike="no: `valid_pct` draws single photos",
        killed="starts again: `fit_one_cycle` saves nothing without a callback",
    ),
    scripted(
        "scikit-learn, HOG and colours",
        "scikit-learn",
        "sklearn_hog.py",
        "scikit-learn",
        "scikit-image",
        epochs={},
        unsure="no: `predict` always names a class",
        alike="only in `GroupKFold`, with groups that the user finds",
        killed="starts again",
    ),
    scripted(
        "AutoKeras",
        "autokeras",
        "autokeras_search.py",
        "autokeras",
        "tensorflow-cpu",
        "keras<3.13",  # refuses the number of classes that AutoKeras 3.0 gives
        epochs={"all": 15, "few": 15},
        unsure="no: the largest score is the answer",
        alike="no: `validation_split` takes the last photos",
    ),
    scripted(
        "AutoGluon",
        "autogluon.multimodal",
        "autogluon_image.py",
        "autogluon.multimodal",
        epochs={"all": 300, "few": 120},
    ),
)
BY_NAME = {way.name: way for way in WAYS}
