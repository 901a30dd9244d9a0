# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import os
from pathlib import Path

import pytest

from cosme_ros.output_folder import (
    OutputError,
    check_output_dir,
    check_output_file,
    prepare_output_dir,
)

REPORT = ("report.json", "pictures", "frame_*.png")


def test_a_new_folder_and_an_empty_one_are_used(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    prepare_output_dir(out, REPORT)
    prepare_output_dir(out, REPORT)
    assert list(out.iterdir()) == []


def test_a_report_is_replaced_and_a_bundle_is_not(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(OutputError, match=f"folder {tmp_path} is not empty; .*--overwrite"):
        check_output_dir(tmp_path, REPORT)
    prepare_output_dir(tmp_path, REPORT)
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_else_wrote_is_refused_and_all_of_it_stays(tmp_path: Path) -> None:
    for name in ("report.json", "thesis.tex"):
        (tmp_path / name).write_text(name)
    with pytest.raises(OutputError, match=r"is not empty: it holds thesis\.tex.*--overwrite"):
        prepare_output_dir(tmp_path, REPORT)
    assert len(list(tmp_path.iterdir())) == 2


def test_overwrite_removes_what_the_command_writes_and_nothing_else(tmp_path: Path) -> None:
    for name in ("report.json", "frame_0001.png", "thesis.tex"):
        (tmp_path / name).write_text(name)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "old.png").write_text("old")
    elsewhere = tmp_path / "report.json.bak"
    elsewhere.write_text("mine")
    prepare_output_dir(tmp_path, REPORT, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.tex", "report.json.bak"}


def test_what_is_replaced_as_a_whole_must_hold_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    check_output_dir(tmp_path, ("manifest.json",), overwrite=True)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds notes\.txt, which this command does not write"):
        check_output_dir(tmp_path, ("manifest.json",), overwrite=True)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "data.txt").write_text("data")
    out = tmp_path / "out"
    out.mkdir()
    (out / "pictures").symlink_to(target)
    prepare_output_dir(out, REPORT, overwrite=True)
    assert list(out.iterdir()) == []
    assert (target / "data.txt").read_text() == "data"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text")
    for folder in (file, file / "out"):
        with pytest.raises(OutputError, match="cannot be written"):
            prepare_output_dir(folder, REPORT, overwrite=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=f"no permission in {tmp_path}"):
        check_output_dir(tmp_path / "out")


def test_a_file_is_replaced_only_where_that_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "teacher.pt"
    check_output_file(file)
    file.write_text("weights")
    with pytest.raises(OutputError, match=f"file {file} exists"):
        check_output_file(file)
    check_output_file(file, overwrite=True)
    assert file.read_text() == "weights"
    with pytest.raises(OutputError, match="is a folder"):
        check_output_file(tmp_path)
