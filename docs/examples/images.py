"""Generated images as files; `python docs/examples/images.py` writes the folder made/."""

from pathlib import Path

import numpy as np
from PIL import Image

random = np.random.default_rng(0)
folder = Path("made")
folder.mkdir(exist_ok=True)
for number in range(60):
    pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"{number:03}.png")
