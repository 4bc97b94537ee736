"""dockerd with its classic store pushes, pulls back into another one, and sends nothing twice."""

from harness import scenario
from harness.clients import Dockerd
from harness.pushes import push_story


def main(world):
    push_story(world, Dockerd, mounts=True)


if __name__ == "__main__":
    scenario(main)
