"""A classifier -> web pages: predict, collect by camera, review corrections.

Imports Gradio, which reads its settings from the environment. Those that these pages do not use are removed from it.
"""

import os
import secrets
import tempfile
from pathlib import Path

USER_ID = os.getuid() if hasattr(os, "getuid") else 0  # 0: Windows gives it as every file's owner


def process_folder(parent: Path) -> Path:
    """A new name below `parent` for the uploads of this process. Child processes inherit GRADIO_TEMP_DIR."""
    user = f"clothes-page-{USER_ID}"
    if parent.parent.name == user:
        parent = parent.parent.parent
    return parent / user / f"{os.getpid()}-{secrets.token_hex(4)}"


def _can_break_import(variable: str) -> bool:
    """Whether Gradio or httpx could fail at this variable. Pages need no proxy and no certificates of others."""
    return variable.startswith("GRADIO_") or variable.lower().endswith(("_proxy", "ssl_cert_file", "ssl_cert_dir"))


PAGE_FOLDER = process_folder(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).absolute())
_SETTINGS = {
    "GRADIO_TEMP_DIR": str(PAGE_FOLDER),
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "100",  # Gradio notes each answer in memory even so
}
_USED = ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_ROOT_PATH")
_hidden = {name: os.environ.pop(name) for name in list(os.environ) if _can_break_import(name)}
os.environ.update(_SETTINGS, no_proxy="*")  # hides the system's proxies too
try:
    import gradio  # noqa: F401
finally:
    del os.environ["no_proxy"]
    # Gradio would read its other variables at the start of a page, and fail at odd ones.
    _restored = {name: _hidden[name] for name in _hidden if not name.startswith("GRADIO_") or name in _USED}
    os.environ.update(_restored | _SETTINGS)
