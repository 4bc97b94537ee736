"""One cache tag is overwritten with new data for ever, in a store that has room for 20 generations: it is
never past its bound, and the newest cache always imports whole.

80 generations; 500 with BREAKWATER_FULL=1. Leases are as by default, an hour: whoever imports a
generation keeps it, so 5 of the 20 are imported, each more than once, and stay; the others have to make
room for what comes."""

import json

from harness import Failure, expect, http, images, scenario
from harness.bounds import BoundWatch, du, on_disk
from harness.caches import Exporter, Importer
from harness.world import FULL

GENERATIONS = 500 if FULL else 80
IMPORTED = 5
LAYERS, LAYER_BYTES = 4, 256 * 1024
BOUND_GENERATIONS = 20
# Layers, config and manifest.
GENERATION = LAYERS * LAYER_BYTES + 2 * on_disk(1)


class UniqueExporter(Exporter):
    def layers(self):
        return [images.noise(f"for-ever-{self.rounds}-{layer}", LAYER_BYTES) for layer in range(LAYERS)]


def main(world):
    bound = BOUND_GENERATIONS * GENERATION
    registry = world.private_registry(bytes_max=f"{bound // 1024}KiB")
    exporter = UniqueExporter(registry.address, 0)  # image-manifest=true, as by default today
    importer = Importer(registry.address, 0)
    watch = BoundWatch(registry, "private", bound)
    watch.start()
    imported = []
    most_du = 0
    for exporter.rounds in range(GENERATIONS):
        exporter.work()
        # Now and then somebody imports it; all the others only look, by HEAD, whether the newest is what they
        # think.
        if exporter.rounds % (GENERATIONS // IMPORTED) == GENERATIONS // IMPORTED // 2:
            importer.work()
            importer.work()
            imported.append(
                http.get(registry.address, "/v2/ci/cache/manifests/main", {"Accept": images.ACCEPT}).json()
            )
        most_du = max(most_du, du(registry.data / "blobs"))
    importer.work()  # the newest
    watch.end(world)
    for content in imported:
        for one in [content["config"], *content["layers"]]:
            got = http.get(registry.address, f"/v2/ci/cache/blobs/{one['digest']}")
            expect(
                got.status == 200 and got.digest == one["digest"],
                f"a layer of a cache that was imported within the lease: {got.status} {json.dumps(one)}",
            )
    collected = registry.metric("breakwater_collected_blobs_total")
    least = (GENERATIONS - BOUND_GENERATIONS) * (LAYERS + 2)
    expect(collected >= least, f"{collected:.0f} blobs were collected, and {least} at least do not fit")
    world.say(
        f"{GENERATIONS} generations under one tag, {collected:.0f} blobs collected, {len(imported)} imported"
        f" caches whole; du of blobs and their folders at most {most_du / images.MEBI:.1f} MiB"
    )
    registry.expect_nothing_left()
    refused_while_all_is_leased(registry, exporter, importer)
    registry.stop()


def refused_while_all_is_leased(registry, exporter, importer):
    """When somebody has imported all that there is room for, the next export is refused, and every import
    stays whole."""
    refusal = None
    for exporter.rounds in range(GENERATIONS, GENERATIONS + BOUND_GENERATIONS + 1):
        try:
            exporter.work()
        except Failure as refused:
            refusal = str(refused)
            break
        importer.work()
    expect(
        refusal and " 403 " in refusal and "route private is full: " in refusal,
        f"all was leased, and a push was answered {refusal}",
    )
    importer.work()


if __name__ == "__main__":
    scenario(main)
