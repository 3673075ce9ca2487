"""From a pile of photos of clothes to a recogniser you can trust.

    import clothes

    clothes.check("photos")                       # what is wrong with them
    run = clothes.train("photos")                 # split 70/20/10, train, write runs/<date>-<time>/
    clothes.evaluate(run.path).accuracy           # on the test part
    clothes.load(run.path).predict("shirt.jpg")   # -> Prediction
    clothes.build_app(clothes.load()).launch()    # the web page

Importing clothes imports nothing heavy: each name is loaded when it is first used.
"""

from collections.abc import Callable

import lazy_loader

from clothes.system.version import __version__ as __version__

# The public names, and the module of each, stand in __init__.pyi alone.
_load: Callable[[str], object]
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        from clothes.errors import EXTRAS, MissingExtraError

        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        raise MissingExtraError(EXTRAS[module], f"clothes.{name}") from None
