"""buildah pushes and pulls back; what one machine built with --cache-to, another one takes from the cache,
step by step."""

import re

from harness import builds, expect, http, scenario
from harness.clients import Buildah
from harness.pushes import held, push_story


def build_twice(world):
    """On two machines that share nothing but the registry; the tags of such a cache are 64 hex digits."""
    registry = world.private_registry()
    cache = f"{registry.address}/cache/app"
    folder = builds.context(world)
    options = ["--cache-to", cache, "--cache-from", cache, "-t", "app"]

    first = Buildah(world, {}, [registry.address])
    said = first.build(folder, *options)
    expect("Cache pulled from" not in said, f"the first build found a cache:\n{said}")
    tags = http.get(registry.address, "/v2/cache/app/tags/list").json()["tags"]
    expect(
        len(tags) > builds.STEPS and all(re.fullmatch("[0-9a-f]{64}", tag) for tag in tags),
        f"tags of the cache: {tags}",
    )
    for tag in tags:
        held(registry.address, "cache/app", tag)

    second = Buildah(world, {}, [registry.address])
    said = second.build(folder, *options)
    expect(
        said.count("Cache pulled from") == len(tags),
        f"not each of the {len(tags)} cached steps came from the cache:\n{said}",
    )
    steps = re.findall(r"STEP \d+/\d+: (?!FROM)", said)
    expect(
        said.count("Using cache") == len(steps),
        f"not each of the {len(steps)} steps came from the cache:\n{said}",
    )
    registry.expect_nothing_left()
    registry.stop()


def main(world):
    push_story(world, Buildah)
    build_twice(world)


if __name__ == "__main__":
    scenario(main)
