"""skopeo pulls by tag and by digest through the mirror; the second time and with upstream gone, nothing is
fetched."""

from harness import scenario
from harness.clients import Skopeo
from harness.pulls import pull_story


def main(world):
    pull_story(world, Skopeo)


if __name__ == "__main__":
    scenario(main)
