"""Fills in the templates in templates/. Every value is escaped."""

from pathlib import Path
from typing import Any

from clothes.errors import EXTRAS, MissingExtraError
from clothes.inference.confidence import percent


def fill(template: str, **values: Any) -> bytes:
    """An HTML page. Raises MissingExtraError if Jinja is not installed."""
    try:
        import jinja2
    except ModuleNotFoundError:
        raise MissingExtraError(EXTRAS["jinja2"], "The report") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: percent(share).replace(" ", "\u00a0")  # no line break inside
    page = environment.get_template(template).render(values)
    return page.encode("utf-8", "backslashreplace")  # file names may hold lone surrogates
