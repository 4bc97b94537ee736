"""The command line."""

import argparse
import random


def arguments(about, seconds):
    """`seconds`, by default so many, and `seed`, another one each time by default."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=seconds, help="how long the dialogues go on")
    parser.add_argument("--seed", type=int, default=None, help="which dialogues")
    found = parser.parse_args()
    if found.seed is None:
        found.seed = random.SystemRandom().randrange(1 << 32)
    return found
