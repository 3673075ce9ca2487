"""Photos from folders, zip files, lists of addresses and open collections, put into class folders with their origin."""

from clothes.collection.collecting import Collected, collect_folder, collect_urls, collect_web

__all__ = ["Collected", "collect_folder", "collect_urls", "collect_web"]
