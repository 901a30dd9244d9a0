"""CamVid's eleven classes in the order that segmentation benchmarks use.

Source: Brostow et al., Segmentation and Recognition Using Structure from Motion Point Clouds,
ECCV 2008, grouped to 11 classes as in SegNet (Badrinarayanan et al., TPAMI 2017).
"""

from training.checkpoint import SegmentationClass
from training.datasets.class_list import ClassList
from training.datasets.label_map import IGNORE, LabelMap

_CLASSES = (
    SegmentationClass("sky", (128, 128, 128), False),
    SegmentationClass("building", (128, 0, 0), False),
    SegmentationClass("pole", (192, 192, 128), False),
    SegmentationClass("road", (128, 64, 128), True),
    SegmentationClass("pavement", (60, 40, 222), False),
    SegmentationClass("tree", (128, 128, 0), False),
    SegmentationClass("sign", (192, 128, 128), False),
    SegmentationClass("fence", (64, 64, 128), False),
    SegmentationClass("car", (64, 0, 128), False),
    SegmentationClass("pedestrian", (64, 64, 0), False),
    SegmentationClass("bicyclist", (0, 128, 192), False),
)
_UNLABELLED = 11

CAMVID = ClassList(
    _CLASSES, LabelMap({**{i: i for i in range(len(_CLASSES))}, _UNLABELLED: IGNORE})
)
