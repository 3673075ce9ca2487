"""What a person should do next in the studio: one step, told from its state."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Step = Literal["add", "second", "sort", "train", "wait", "goOn", "test", "improve"]


def next_step(
    counts: Mapping[str, Any], job: Mapping[str, Any] | None, runs: Sequence[Mapping[str, Any]]
) -> tuple[Step, str | None]:
    """Returns the step, and the run that it is about."""
    if job and job["state"] in ("starting", "running", "stopping"):
        return "wait", job["run"]
    if job and job["state"] in ("died", "failed") and "go on" in job["offers"]:
        return "goOn", job["run"]
    newest = next((run for run in runs if run["has_model"]), None)
    if newest:
        return ("improve" if newest["test"] else "test"), newest["run"]
    filled = sum(found["photos"] > 0 for found in counts["classes"])
    if filled >= 2:
        return "train", None
    if counts["unsorted"]:
        return "sort", None
    return ("second" if filled else "add"), None


def done_steps(counts: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], is_checked: bool) -> list[str]:
    """Returns the stations whose work is done."""
    usable = [run for run in runs if run["has_model"]]
    done = {
        "photos": sum(found["photos"] > 0 for found in counts["classes"]) >= 2,
        "check": is_checked,
        "train": bool(usable),
        "test": any(run["test"] for run in usable),
        "improve": any(run["has_report"] for run in usable),
    }
    return [step for step, is_done in done.items() if is_done]
