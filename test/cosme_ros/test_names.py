import pytest

from cosme_ros import names


@pytest.mark.parametrize(
    ("name", "namespace", "topic"),
    [
        ("~/input/image", "", "/cosme_detector/input/image"),
        ("~/input/image", "/front", "/front/cosme_detector/input/image"),
        ("~/input/image", "/", "/cosme_detector/input/image"),
        ("relative", "/front", "/front/relative"),
        (names.DIAGNOSTICS, "/front", "/diagnostics"),
    ],
)
def test_names_resolve_as_in_ros(name, namespace, topic):
    assert names.resolve(name, namespace=namespace) == topic
