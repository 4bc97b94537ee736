"""Eight builders export their cache to one tag, as BuildKit does, while four import it: every import sees one
whole cache, and nobody an error.

20 s; two minutes with BREAKWATER_FULL=1."""

from harness import scenario
from harness.caches import Exporter, Importer, run_for
from harness.world import FULL

EXPORTERS, IMPORTERS = 8, 4
SECONDS = 120 if FULL else 20


def main(world):
    registry = world.private_registry()
    first = Exporter(registry.address, 0)
    first.work()
    first.rounds = 1
    workers = (
        [first]
        + [Exporter(registry.address, number) for number in range(1, EXPORTERS)]
        + [Importer(registry.address, number) for number in range(IMPORTERS)]
    )
    run_for(workers, SECONDS)
    exports, imports = (
        sum(worker.rounds for worker in workers if isinstance(worker, kind)) for kind in (Exporter, Importer)
    )
    world.say(f"{exports} exports to one tag and {imports} whole imports of it in {SECONDS} s")
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
