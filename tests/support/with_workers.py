"""`gancross`, which has processes read every folder of images as if it were too large for memory."""

from __future__ import annotations

from gancross.__main__ import main
from gancross.data import folder

if __name__ == "__main__":
    folder.MAX_IMAGES_IN_MEMORY = 0
    main()
