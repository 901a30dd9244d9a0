"""A teacher from the command line."""

from pathlib import Path

from training.checkpoint import TeacherCheckpoint, load_teacher
from training.errors import UsageError


def read_teacher(path: Path) -> TeacherCheckpoint:
    """Read the checkpoint that an option names.

    Raises:
        UsageError: it is not there, or no teacher's.
    """
    try:
        return load_teacher(path)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error
