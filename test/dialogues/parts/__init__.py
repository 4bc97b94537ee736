"""What fuzz.py and load.py are made of."""

import pathlib
import sys

# The World, the processes and the images are the scenarios'.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scenario"))
