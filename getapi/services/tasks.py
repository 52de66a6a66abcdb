"""What waits in the queue: Django's tasks interface, on whatever backend the settings name."""

from django_tasks import task

from getapi.services import preparation

QUEUE = "packages"


@task(queue_name=QUEUE)
def prepare(job: int) -> None:
    """The number alone: a package's id opens it, and a queue is looked at by many."""
    preparation.run(job)
