# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The command: what it writes, and what it says of input that it cannot use."""

import json
import sys

import pytest
import run


def start(monkeypatch, out, *arguments):
    monkeypatch.setattr(sys, "argv", ["run.py", "--quick", "--out", str(out), *arguments])
    return run.main()


def test_a_bundle_that_is_not_there_is_one_sentence(monkeypatch, tmp_path, capsys):
    status = start(monkeypatch, tmp_path, "--only", "stages", "--bundle", str(tmp_path / "none"))
    assert status == 1
    said = capsys.readouterr().err
    assert "none does not exist; a bundle is a directory" in said
    assert "Traceback" not in said
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["complete"] is False


def test_ctrl_c_keeps_what_was_measured(monkeypatch, tmp_path, capsys):
    def interrupted(_, benchmark, record):
        record.put("stages", "demo", "milliseconds", value={"decode": {"median": 1.0, "runs": 1}})
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_measure", interrupted)
    assert start(monkeypatch, tmp_path) == 130
    tree = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert tree["complete"] is False
    assert tree["stages"]["demo"]["milliseconds"]["decode"]["median"] == 1.0
    assert "| decode | 1 (once) |" in (tmp_path / "bench.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", ["512", "512xwide", "512x1024x3"])
def test_a_size_that_is_none_is_refused(monkeypatch, tmp_path, capsys, size):
    with pytest.raises(SystemExit):
        start(monkeypatch, tmp_path, "--sizes", size)
    assert "512x1024 is one" in capsys.readouterr().err


def test_options_that_are_none_are_refused_before_anything_is_measured(
    monkeypatch, tmp_path, capsys
):
    with pytest.raises(SystemExit):
        start(monkeypatch, tmp_path, "--runtime-options", "prefer_nhwc")
    assert "'prefer_nhwc' is no option" in capsys.readouterr().err


def test_without_ros_the_node_is_left_out_and_it_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "why_not", lambda: "there is no ROS here")
    assert start(monkeypatch, tmp_path, "--only", "node") == 0
    tree = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert tree["left_out"] == {"node": "there is no ROS here"}
    assert tree["complete"] is True
