"""`write_report(run)`: one page that says how good a run is, where it fails, why, and what to do next."""

from clothes.report.layers import write_look
from clothes.report.writing import Report, write_report

__all__ = ["Report", "write_look", "write_report"]
