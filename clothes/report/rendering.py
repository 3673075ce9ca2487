"""The templates beside this file, filled in; every value is escaped."""

from pathlib import Path
from typing import Any

from clothes.errors import MissingExtraError
from clothes.inference.confidence import percent


def fill(template: str, **values: Any) -> bytes:
    """A page. Raises MissingExtraError when what fills it in is not installed."""
    try:
        import jinja2
    except ModuleNotFoundError:
        raise MissingExtraError("train", "The report") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: percent(share).replace(" ", "\u00a0")  # no line ends between them
    return environment.get_template(template).render(values).encode("utf-8", "backslashreplace")  # no Unicode: a name
