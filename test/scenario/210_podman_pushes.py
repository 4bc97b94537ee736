"""podman pushes, pulls back into another one, and sends nothing twice."""

from harness import scenario
from harness.clients import Podman
from harness.pushes import push_story


def main(world):
    push_story(world, Podman)


if __name__ == "__main__":
    scenario(main)
