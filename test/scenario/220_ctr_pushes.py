"""containerd's ctr pushes, pulls back into another one, and sends nothing twice."""

from harness import scenario
from harness.clients import Containerd
from harness.pushes import push_story


def main(world):
    push_story(world, Containerd, mounts=True, whole=True)


if __name__ == "__main__":
    scenario(main)
