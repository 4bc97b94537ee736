"""dockerd with the containerd store pushes, pulls back into another one, and sends nothing twice."""

from harness import images, scenario
from harness.pushes import LAYER_BYTES, push_story
from harness.trixie import Dockerd


def main(world):
    # It pulls one platform, and then pushes no index of which it lacks the others.
    push_story(world, Dockerd, image=images.single("push", [LAYER_BYTES] * 3), mounts=True)


if __name__ == "__main__":
    scenario(main)
