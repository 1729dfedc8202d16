"""Trains the classifier behind `frechet_distance[digits-cnn]` on the training digits and writes its weights.

    python benchmarks/train_digits_cnn.py [OUT.safetensors]

Half a minute on one CPU core; the same torch on the same machine writes the same bytes. The held-out digits
are used only for the accuracy in the file's metadata.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save
from torch.nn.functional import cross_entropy, pad

from gancross.data import digits
from gancross.evaluator.fidelity.digits_cnn import WEIGHTS, DigitsCNN
from gancross.machine.files import write_atomically

EPOCHS = 60
BATCH = 32
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image shifted by −1, 0 or 1 pixels in both directions, padded with zeros."""
    padded = pad(images, (1, 1, 1, 1))
    windows = padded.unfold(2, 8, 1).unfold(3, 8, 1)  # (N, 1, 3, 3, 8, 8)
    rows, columns = torch.randint(0, 3, (2, len(images)), generator=generator)
    return windows[torch.arange(len(images)), :, rows, columns]


def trained() -> DigitsCNN:
    """One deterministic run: AdamW, one-cycle learning rate."""
    torch.manual_seed(0)
    network = DigitsCNN()
    images, labels = digits.images()[0], digits.labels()[0]
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for step in range(steps):
        if step % (len(images) // BATCH) == 0:
            order = torch.split(torch.randperm(len(images), generator=generator), BATCH)
        batch = order[step % (len(images) // BATCH)]
        _, logits = network(shifted(images[batch], generator))
        loss = cross_entropy(logits, labels[batch], label_smoothing=0.05)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    return network.eval()


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else WEIGHTS
    network = trained()
    with torch.inference_mode():
        _, logits = network(digits.images()[1])
    accuracy = float((logits.argmax(dim=1) == digits.labels()[1]).double().mean())
    notes = {
        "trained_on": "1,201 training digits of scikit-learn, gancross's split",
        "accuracy_held_out": f"{accuracy:.4f}",
        "script": "benchmarks/train_digits_cnn.py",
        "torch": torch.__version__,
    }
    # under one key, since safetensors writes several in random order
    write_atomically(out, save(network.state_dict(), metadata={"notes": json.dumps(notes)}))
    print(f"{out}: {accuracy:.4f} of the 596 held-out digits classified correctly")


if __name__ == "__main__":
    main()
