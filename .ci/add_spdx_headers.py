# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Put the licence header on every source file that lacks it: `python3 .ci/add_spdx_headers.py`.

Running it again changes nothing. `--check` names the files without it and exits with 1.
"""

import subprocess
import sys
from pathlib import Path

HEADER = "# Copyright 2026 cosme_ros maintainers\n# SPDX-License-Identifier: Apache-2.0\n"
REPOSITORY = Path(__file__).resolve().parent.parent
PATTERNS = ("*.py", "*.sh", "Makefile", ".ci/run", "config/*.yaml")


def source_files() -> list[Path]:
    """Return what git knows or would add; in a tree without git, whatever is there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PATTERNS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        found = [REPOSITORY / name for name in listed.stdout.splitlines()]
    else:
        found = [path for pattern in PATTERNS for path in REPOSITORY.rglob(pattern)]
    return sorted({path for path in found if path.is_file()})


def without_header() -> list[Path]:
    """Return the source files that lack the header."""
    return [path for path in source_files() if HEADER not in path.read_text(encoding="utf-8")]


def add_header(path: Path) -> None:
    """Write the header before the text, but after a line that names the interpreter."""
    text = path.read_text(encoding="utf-8")
    first = ""
    if text.startswith("#!"):
        first, _, text = text.partition("\n")
        first += "\n"
    gap = "\n" if text else ""
    path.write_text(first + HEADER + gap + text, encoding="utf-8")


def main() -> int:
    """Run the command; returns the exit status."""
    lacking = without_header()
    if "--check" in sys.argv[1:]:
        for path in lacking:
            print(f"{path.relative_to(REPOSITORY)} has no licence header")
        return int(bool(lacking))
    for path in lacking:
        add_header(path)
    print(f"licence header added to {len(lacking)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
