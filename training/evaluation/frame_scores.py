# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One frame, scored by every method."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from training.baselines.interface import NETWORK_INPUT, Baseline, LearningBaseline
from training.baselines.monte_carlo_dropout import MonteCarloDropout, dropout_layers
from training.baselines.registry import BASELINES
from training.datasets.interface import FrameSource, evenly_spread
from training.datasets.normal_frames import FitFrames
from training.errors import UsageError
from training.export.graph_runner import GraphRunner
from training.export.manifest import input_size, read_manifest
from training.layers import GUIDE
from training.method.graphs import CLASS_ID, TeacherGraph
from training.teachers.checkpoint import TeacherCheckpoint

BUNDLE_MAPS = {"mulmem": "MulMem", "auxcon": "AuxCon", "score": "CosMe"}
"""The maps that a bundle makes itself, by name."""

TITLES = {**{name: entry.title for name, entry in BASELINES.items()}, **BUNDLE_MAPS}
"""Every method: name in files and on the command line to name for people."""

SAME_TEACHER = 0.05
"""Largest difference between a layer of the teacher and of the bundle, over the layer's largest
value: parity at export is below 0.001, a GPU's shortened floats come near 0.01, and another
network's features differ by about 1."""

MOST_NORMAL_FRAMES = 200


class FrameScorer:
    """Scores frames with a bundle and with baselines on the bundle's teacher.

    The teacher runs once a frame, in PyTorch, and on a GPU where there is one; its features feed
    the baselines and the bundle's student and memory graphs. Without a teacher the bundle runs
    by itself, and there are no baselines.

    Args:
        bundle: its folder.
        teacher: the one that the bundle was fitted to; the bundle has no logits.
        methods: names in TITLES.
        normal: normal frames, for baselines that learn from them; None where there are none.
        seed: of the baselines' random choices.
        most_normal_frames: of `normal`, evenly spread.

    Raises:
        UsageError: no bundle, an unknown method, or the teacher of another bundle.
    """

    def __init__(
        self,
        bundle: Path,
        teacher: TeacherCheckpoint | None,
        methods: Sequence[str],
        *,
        normal: FrameSource | None = None,
        seed: int = 0,
        most_normal_frames: int = MOST_NORMAL_FRAMES,
    ) -> None:
        for method in methods:
            if method not in TITLES:
                raise UsageError(f"no method {method!r}; there are {', '.join(TITLES)}")
        manifest = read_manifest(bundle)
        self.input_size = input_size(manifest)
        self.generalist_channels: dict[str, int] = manifest["student"].get("channels", {})
        """Of the layers of the bundle's generalist, in order; empty where there is none."""
        self.skipped: dict[str, str] = {}
        """Methods that were wanted and cannot be had, and why."""
        self._bundle = bundle
        self._graphs = GraphRunner(bundle)
        self._needs_bundle = any(method in BUNDLE_MAPS for method in methods)
        self._teacher: TeacherGraph | None = None
        self._checked = False
        if teacher is not None:
            _check_classes(manifest, teacher, bundle)
            self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            network = teacher.network.to(self._device)
            layers = tuple(network.channels)
            with_guide = GUIDE in manifest["graphs"]["teacher"]["outputs"]
            graph = TeacherGraph(network, layers, self.input_size, with_guide=with_guide).eval()
            self._teacher = graph.to(self._device)
        self._baselines = self._build(methods, normal is not None, seed)
        self.methods = tuple(
            method for method in TITLES if method in methods and method not in self.skipped
        )
        """The methods that score, in the order of tables."""
        self._learning = [b for b in self._baselines.values() if isinstance(b, LearningBaseline)]
        chosen: Sequence[int] = ()
        if normal is not None and self._learning:
            chosen = evenly_spread(len(normal), most_normal_frames)
        self._normal = FitFrames(normal or (), chosen, self.input_size)

    @property
    def normal_frames(self) -> int:
        """Return how many normal frames `learn` uses; 0 if no method needs any."""
        return len(self._normal)

    @torch.inference_mode()
    def learn(self) -> None:
        """Show the normal frames to those baselines that learn from them, in one pass.

        Frames are cropped to the network input's ratio of sides, as `fit` does.
        """
        if not self.normal_frames:
            return
        for index in tqdm(range(self.normal_frames), "normal frames", unit="frame"):
            features = self._features(self._normal[index])
            for baseline in self._learning:
                baseline.update(features)
        for baseline in self._learning:
            baseline.compute()

    @torch.inference_mode()
    def maps(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Score one image uint8 [H, W, 3] BGR.

        Returns:
            method to float32 [h, w] at the method's own stride, in the order of `methods`.

        Raises:
            UsageError: the teacher's features are not those of the bundle's teacher.
        """
        features = None if self._teacher is None else self._features(image)
        outputs: dict[str, np.ndarray] = {}
        if self._needs_bundle:
            outputs = self._graphs.run(image, self._known(image, features))
        scores = {}
        for method in self.methods:
            if method in BUNDLE_MAPS:
                scores[method] = outputs[method][0, 0]
            else:
                assert features is not None
                score = self._baselines[method].score(features)
                scores[method] = score[0, 0].float().cpu().numpy()
        return scores

    def tensors(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return all that the bundle's graphs read and give, by name.

        Returns:
            Layers and `student_...` float32 [1, C, h, w], `bank_...` float32 [K, C], and the score
            maps float32 [1, 1, h, w].

        Raises:
            UsageError: as `maps`.
        """
        layers = None if self._teacher is None else self._features(image)
        return {**self._graphs.banks, **self._graphs.run(image, self._known(image, layers))}

    def _features(self, image: np.ndarray) -> dict[str, torch.Tensor]:
        assert self._teacher is not None
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(image)[None]).to(self._device)
            outputs = self._teacher(batch)
            features = dict(zip(self._teacher.output_names, outputs, strict=True))
            return {**features, NETWORK_INPUT: self._teacher.preprocessing(batch)}

    def _known(
        self, image: np.ndarray, features: dict[str, torch.Tensor] | None
    ) -> dict[str, np.ndarray]:
        """Return what the bundle's teacher graph need not compute, once it was seen to agree."""
        if features is None:
            return {}
        known = {name: value.cpu().numpy() for name, value in features.items()}
        if not self._checked:
            self._check_features(image, known)
            self._checked = True
        return known

    def _check_features(self, image: np.ndarray, known: dict[str, np.ndarray]) -> None:
        session = self._graphs.sessions["teacher"]
        names = [spec.name for spec in session.get_outputs() if spec.name != CLASS_ID]
        for name, wanted in zip(names, session.run(names, {"image": image[None]}), strict=True):
            value = known.get(name)
            if value is None or value.shape != wanted.shape:
                shape = "missing" if value is None else list(value.shape)
                raise UsageError(
                    f"layer {name} of the teacher is {shape}, in {self._bundle} "
                    f"{list(wanted.shape)}: give the teacher that the bundle was fitted to"
                )
            difference = float(np.abs(value - wanted).max())
            if not difference <= SAME_TEACHER * float(np.abs(wanted).max()):
                raise UsageError(
                    f"layer {name} of the teacher differs from {self._bundle}'s by up to "
                    f"{difference:.3g}: give the teacher that the bundle was fitted to"
                )

    def _build(self, methods: Sequence[str], normal: bool, seed: int) -> dict[str, Baseline]:
        baselines: dict[str, Baseline] = {}
        for method, entry in BASELINES.items():
            if method not in methods:
                continue
            if self._teacher is None:
                self.skipped[method] = "they need the teacher's logits: give --teacher"
                continue
            network = self._teacher.network
            baseline = entry.build(network, seed)
            if isinstance(baseline, LearningBaseline) and not normal:
                self.skipped[method] = "they learn from normal frames: give --normal"
            elif isinstance(baseline, MonteCarloDropout) and not dropout_layers(network):
                self.skipped[method] = "the teacher has no dropout layer"
            else:
                baselines[method] = baseline
        return baselines


def _check_classes(manifest: dict[str, Any], teacher: TeacherCheckpoint, bundle: Path) -> None:
    of_bundle = [entry["name"] for entry in manifest["classes"]]
    of_teacher = [entry.name for entry in teacher.classes]
    if of_bundle != of_teacher:
        raise UsageError(
            f"{bundle} has the classes {', '.join(of_bundle)}, the teacher "
            f"{', '.join(of_teacher)}: give the teacher that the bundle was fitted to"
        )
