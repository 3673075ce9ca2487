"""Turns packages that are not installed into errors that name the command to install them."""

from importlib.util import find_spec

from clothes.errors import EXTRAS, ClothesError, MissingExtraError


def require(what: str, *extras: str) -> None:
    """Raises MissingExtraError if a package of these extras is not installed. Imports none of them."""
    for module, extra in EXTRAS.items():
        if extra in extras and find_spec(module) is None:
            raise MissingExtraError(extra, what)


def missing_package(error: ModuleNotFoundError, what: str) -> ClothesError:
    """The error to show for a failed import. Raises the failure again if the module is one of clothes."""
    module = (error.name or "clothes").partition(".")[0]
    if module == "clothes":
        raise error
    if module in EXTRAS:
        return MissingExtraError(EXTRAS[module], what)
    return ClothesError(f"{what} needs the package {module}, which is not installed. Install it: pip install {module}")
