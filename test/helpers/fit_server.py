# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Runs `python -m training` in a process of its own for each line of arguments that comes in.

Answers with the number of the process; and to the next line, once that has ended, with what it
ended with as os.waitpid has it. Until then the number is nobody else's. A fork starts at once,
where a new Python imports for seconds.
"""

import os
import shlex
import sys

# What the commands import late: in every fork anew, if not here.
import training.fitting.fit  # noqa: F401
from training.__main__ import app

while line := sys.stdin.readline():
    process = os.fork()
    if process == 0:
        # The answers' way out is no place for what the command says.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            app(shlex.split(line))
        except SystemExit as end:
            # Not by way of what libraries do at the end: they would look for threads that only
            # the parent has.
            os._exit(end.code or 0)
    print(process, flush=True)
    sys.stdin.readline()
    print(os.waitpid(process, 0)[1], flush=True)
