# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The record of what was measured."""

import json

import pytest
from record import Record


def test_what_was_put_is_on_disk_at_once(tmp_path):
    record = Record(tmp_path / "new" / "bench.json")
    record.put("networks", "paper", "ms", value=[1.5])
    record.put("networks", "demo", value=2)
    record.put("complete", value=True)
    assert json.loads(record.path.read_text(encoding="utf-8")) == {
        "networks": {"paper": {"ms": [1.5]}, "demo": 2},
        "complete": True,
    }
    assert [path.name for path in record.path.parent.iterdir()] == ["bench.json"]


def test_what_is_no_json_leaves_the_file_as_it_was(tmp_path):
    record = Record(tmp_path / "bench.json")
    record.put("a", value=1)
    with pytest.raises(ValueError, match="JSON"):
        record.put("b", value=float("nan"))
    assert json.loads(record.path.read_text(encoding="utf-8")) == {"a": 1}
