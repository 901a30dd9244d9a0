# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""cv_bridge as it may be found: absent, raising, ending the process, or whole."""

import importlib
import sys

import pytest

from cosme_ros.messages import guarded_cv_bridge
from cosme_ros.messages.guarded_cv_bridge import CvBridgeUnusableError, cv_bridge

WHOLE = """
class CvBridge:
    def imgmsg_to_cv2(self, message, encoding):
        return message, encoding
"""
# As a binary that was built for another NumPy: no exception, and no Python after it.
DEADLY = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
MESSAGES = "class Image:\n    def __init__(self, **fields): pass\n"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Puts a cv_bridge of this text before whatever is installed, for this process and others."""

    def put(text: str) -> None:
        (tmp_path / "cv_bridge.py").write_text(text)
        (tmp_path / "sensor_msgs").mkdir()
        (tmp_path / "sensor_msgs" / "__init__.py").write_text("")
        (tmp_path / "sensor_msgs" / "msg.py").write_text(MESSAGES)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)
        importlib.invalidate_caches()

    guarded_cv_bridge._defect.cache_clear()
    yield put
    guarded_cv_bridge._defect.cache_clear()
    sys.modules.pop("cv_bridge", None)


def test_one_that_converts_an_image_is_given(environment):
    environment(WHOLE)
    assert cv_bridge().imgmsg_to_cv2("message", "bgr8") == ("message", "bgr8")


def test_one_that_ends_the_process_is_refused_and_this_process_lives(environment):
    environment(DEADLY)
    with pytest.raises(CvBridgeUnusableError, match=r"signal 11.*numpy<2"):
        cv_bridge()


def test_one_that_raises_is_refused_with_its_reason(environment):
    environment("raise AttributeError('_ARRAY_API not found')")
    with pytest.raises(CvBridgeUnusableError, match="_ARRAY_API not found"):
        cv_bridge()


def test_it_is_tried_once(environment, tmp_path):
    environment(f"open({str(tmp_path / 'tries')!r}, 'a').write('x')\nraise ImportError('broken')")
    for _ in range(3):
        with pytest.raises(CvBridgeUnusableError):
            cv_bridge()
    assert (tmp_path / "tries").read_text() == "x"
