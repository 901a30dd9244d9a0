"""Fits MulMem's banks to normal frames, resumable."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from training import memory
from training.checkpoint import save_atomically
from training.fit_frames import FitFrames
from training.fit_settings import MemorySettings
from training.preprocessing import Preprocessing
from training.teachers import Teacher

INITIAL_FRAMES = 32
"""The batch of Algorithm 1."""

INITIAL_POSITIONS = 4096
"""Features taken of each of those frames and layers; a random feature of a random image stays
just that, and a wide layer at stride 4 fits into memory."""

_SAVE_EVERY = 50


def fit_memory(
    teacher: Teacher, frames: FitFrames, settings: MemorySettings, state_path: Path
) -> dict[str, torch.Tensor]:
    """Run Algorithm 1, then Algorithm 2 over all frames.

    Works on the teacher's device. Progress is kept in `state_path`; a run that was cut off goes
    on from there.

    Returns:
        layer to bank, float32 [K, C] with rows of norm 1, on the CPU.
    """
    device = next(teacher.parameters()).device
    preprocessing = Preprocessing(teacher.mean, teacher.standard_deviation).to(device)

    def features(indices: np.ndarray) -> dict[str, torch.Tensor]:
        images = torch.from_numpy(np.stack([frames[int(index)] for index in indices]))
        with torch.inference_mode():
            maps = teacher(preprocessing(images.to(device)))
        return {layer: memory.as_vectors(maps[layer]) for layer in settings.layers}

    order = np.concatenate(
        [
            np.random.default_rng([settings.seed, epoch]).permutation(len(frames))
            for epoch in range(settings.epochs)
        ]
    )
    batches = np.split(order, range(settings.batch, len(order), settings.batch))
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        first, banks = state["step"], state["banks"]
    else:
        first, banks = 0, _initial_banks(features, frames, settings)
        save_atomically(state_path, {"step": 0, "banks": banks})
    banks = {layer: bank.to(device) for layer, bank in banks.items()}
    progress = tqdm(range(first, len(batches)), "memory", len(batches), initial=first, unit="batch")
    for step in progress:
        vectors = features(batches[step])
        banks = {
            layer: memory.update(bank, vectors[layer], settings.momentum)
            for layer, bank in banks.items()
        }
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == len(batches):
            on_cpu = {layer: bank.cpu() for layer, bank in banks.items()}
            save_atomically(state_path, {"step": step + 1, "banks": on_cpu})
    return {
        layer: torch.nn.functional.normalize(bank, dim=1).cpu() for layer, bank in banks.items()
    }


def _initial_banks(
    features: Callable[[np.ndarray], dict[str, torch.Tensor]],
    frames: FitFrames,
    settings: MemorySettings,
) -> dict[str, torch.Tensor]:
    random = np.random.default_rng([settings.seed, len(frames)])
    generator = torch.Generator().manual_seed(settings.seed)
    chosen = random.permutation(len(frames))[:INITIAL_FRAMES]
    samples: dict[str, list[torch.Tensor]] = {layer: [] for layer in settings.layers}
    for index in tqdm(chosen, "first prototypes", unit="frame"):
        for layer, vectors in features(np.array([index])).items():
            rows = torch.randperm(len(vectors), generator=generator)[:INITIAL_POSITIONS]
            samples[layer].append(vectors[rows].cpu().clone())
    banks = {}
    for layer, parts in samples.items():
        result = memory.initialise(
            torch.cat(parts),
            size=settings.prototypes,
            similarity_threshold=settings.similarity_threshold,
            generator=generator,
        )
        banks[layer] = result.prototypes
        tqdm.write(f"{layer}: {len(result.prototypes)} prototypes")
        if not result.filled:
            tqdm.write(
                f"  of {settings.prototypes} wanted: {memory.MAXIMUM_MISSES} candidates in a row "
                f"were more than {settings.similarity_threshold} similar to one of them"
            )
    return banks
