"""The work of the paper's experiments at full size, and the commands for several GPUs.

python benchmarks/full_scale.py        writes results/full-scale.json and full/COMMANDS.md
"""

from __future__ import annotations

import json

from reproduction import full_scale
from reproduction.records import rounded
from reproduction.sections import RESULTS

from gancross.machine.files import write_atomically


def main() -> None:
    content = json.dumps(rounded(full_scale.counted()), ensure_ascii=False, indent=1) + "\n"
    write_atomically(RESULTS / full_scale.RECORD, content.encode())
    write_atomically(full_scale.COMMANDS, full_scale.commands().encode())


if __name__ == "__main__":
    main()
