"""Formats the package's HTML with djlint, its CSS and JavaScript with the beautifiers that djlint brings.

`--check` changes no file and fails if one is not formatted. The options are in pyproject.toml, [tool.djlint].
"""

import subprocess
import sys
import tomllib
from pathlib import Path

import cssbeautifier
import jsbeautifier

ROOT = Path(__file__).parents[1]
BEAUTIFY = {".css": cssbeautifier.beautify, ".js": jsbeautifier.beautify}


def main(check: bool) -> int:
    mode = "--check" if check else "--reformat"
    failed = (
        subprocess.run([sys.executable, "-m", "djlint", "clothes", mode, "--quiet"], cwd=ROOT).returncode != 0 and check
    )
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["djlint"]
    for path in sorted(path for path in (ROOT / "clothes").rglob("*") if path.suffix in BEAUTIFY):
        text = path.read_text(encoding="utf-8")
        formatted = BEAUTIFY[path.suffix](text, options[path.suffix[1:]])
        if formatted == text:
            continue
        if check:
            print(f"{path.relative_to(ROOT)} is not formatted. Run scripts/check --fix.")
            failed = True
        else:
            path.write_text(formatted, encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
