"""A bundle in other formats, each compared with it before it is kept."""

from clothes.exporting.exporting import FORMATS, Export, export

__all__ = ["FORMATS", "Export", "export"]
