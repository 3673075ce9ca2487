"""A classifier -> web pages: predict, collect by camera, review corrections.

Sets Gradio up before a module of this package imports it, because Gradio reads these variables at its import.
"""

import os
import tempfile
from pathlib import Path

USER_ID = os.getuid() if hasattr(os, "getuid") else 0  # 0: Windows gives it as every file's owner


def user_folder(parent: Path) -> Path:
    """This user's own folder below `parent`, or `parent` if it is one: child processes inherit GRADIO_TEMP_DIR."""
    name = f"clothes-page-{USER_ID}"
    return parent if parent.name == name else parent / name


PAGE_FOLDER = user_folder(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).absolute())
os.environ["GRADIO_TEMP_DIR"] = str(PAGE_FOLDER)
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "100"  # Gradio notes each answer in memory even so
