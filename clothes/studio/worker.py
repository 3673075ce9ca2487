"""The process of a job: `python -m clothes.studio.worker PROJECT JOB`. Ends when the job has ended."""

import os
import signal
import sys
import traceback
from pathlib import Path

from clothes.studio.job_folder import JobFolder, JobInfo
from clothes.studio.project import Project

_NICER = 5  # so that the page stays quick


def main(root: str, name: str) -> None:
    """Does the job of this name in a project, if no other process is at it."""
    project = Project.open(Path(root))
    job = JobFolder(Path(project.private) / "jobs" / name)
    with job.lock() as locked:
        if locked and (info := job.info) and job.progress is None:
            if hasattr(os, "nice"):
                os.nice(_NICER)
            _work(project, job, info)


def _work(project: Project, job: JobFolder, info: JobInfo) -> None:
    from clothes.studio.problems import explain, has_learnt
    from clothes.studio.reporter import Reporter
    from clothes.training.callbacks import StopTrainingError

    with Reporter(job) as reporter:
        signal.signal(signal.SIGTERM, lambda *_: reporter.stop.set())
        try:
            from clothes.studio.tasks import TASKS

            result = TASKS[info["kind"]](project, info["asked"], reporter)
            job.write_result(result)
            reporter.end("done")
        except StopTrainingError:
            reporter.end("stopped")
        except Exception as error:
            traceback.print_exc()
            learnt = info["kind"] == "train" and has_learnt(project.runs / info["asked"]["run"])
            reporter.end("failed", explain(error, info["kind"], job.path, learnt=learnt))


if __name__ == "__main__":
    main(*sys.argv[1:])
