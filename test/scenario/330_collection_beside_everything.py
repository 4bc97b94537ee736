"""Collection beside everything: 8 builders export caches, 4 import them and 20 clients pull images, in a
store that is always at its bound. No export misses a blob that it was told of, nothing that is listed is
absent, no import misses a layer, and a checker that walks every tag to its last blob all the time finds
nothing broken.

30 s; ten minutes with BREAKWATER_FULL=1. How it is counted: a client may rely on what a manifest names
for one lease from when it was given the manifest; who is slower than that is counted as late and is no
fault. A push is refused only while all that could go is leased: 403 after the server has waited for room;
those are counted, and must be fewer than one in a hundred exports."""

import time

from harness import expect, images, scenario
from harness.bounds import BoundWatch
from harness.caches import Exporter, Importer, Worker, run_for
from harness.registry import push
from harness.world import FULL

EXPORTERS, IMPORTERS, PULLERS = 8, 4, 20
SECONDS = 600 if FULL else 30
LEASE_S = 5
BOUND = 48 * images.MEBI
REPOSITORIES = ["ci/cache", "team/app"]
TAGS = 3


class BoundedExporter(Exporter):
    refused = 0

    def work(self):
        self.tag = f"cache-{self.number % TAGS}"
        try:
            super().work()
        except Exception as error:
            if "STORE_FULL" not in str(error):
                raise
            self.refused += 1
            self.dialogue.close()
        time.sleep(0.05)  # a build takes longer than its export


class RovingImporter(Importer):
    def work(self):
        self.tag = f"cache-{self.random.randrange(TAGS)}"
        super().work()
        time.sleep(0.1)


class Walker(Worker):
    """Goes from what is listed to the last blob of it, every byte hashed."""

    late = walked = 0
    pause_s = 0.1

    def __init__(self, address, number, repositories):
        super().__init__(address, number)
        self.repositories = repositories

    def work(self):
        for repository in self.repositories:
            for tag in self.ask((200,), "GET", f"/v2/{repository}/tags/list").json()["tags"]:
                self.walk(repository, tag, time.monotonic())
                self.walked += 1
        time.sleep(self.pause_s)

    def walk(self, repository, reference, since):
        """`since`: when the manifest was asked for that names this one; a tag that is listed is there."""
        asked = time.monotonic()
        got = self.take(repository, "manifests", reference, since)
        if got is None:
            return
        content = got.json()
        for child in content.get("manifests", []):
            if child["mediaType"] in images.ACCEPT:
                self.walk(repository, child["digest"], asked)
            else:
                self.take(repository, "blobs", child["digest"], asked)
        for one in [content.get("config"), *content.get("layers", [])]:
            if one:
                self.take(repository, "blobs", one["digest"], asked)

    def take(self, repository, kind, reference, since):
        got = self.ask(
            (200, 404), "GET", f"/v2/{repository}/{kind}/{reference}", {"Accept": f"{images.ACCEPT}, */*"}
        )
        if got.status == 404 and time.monotonic() - since > LEASE_S:
            self.late += 1
            return None
        expect(got.status == 200, f"{repository}, {kind}, {reference}: {got}")
        expect(
            ":" not in reference or got.digest == reference,
            f"{repository}, {reference}: came as {got.digest}",
        )
        return got


class Puller(Walker):
    pause_s = 0.2

    def work(self):
        self.repositories = [self.random.choice(REPOSITORIES)]
        super().work()


def main(world):
    registry = world.private_registry(
        bytes_max=f"{BOUND // images.MEBI}MiB",
        registry={"lease": f"{LEASE_S}s", "untagged_after": "1h", "cache_tags": ["cache-*"]},
    )
    for number in range(4):
        push(registry.address, "team/app", f"v{number}", images.single(f"app-{number}", [100_000, 20_000]))
    exporters = [BoundedExporter(registry.address, number) for number in range(EXPORTERS)]
    for exporter in exporters[:TAGS]:
        exporter.work()
        exporter.rounds = 1
    importers = [RovingImporter(registry.address, number) for number in range(IMPORTERS)]
    checker = Walker(registry.address, 100, REPOSITORIES)
    pullers = [Puller(registry.address, 200 + number, REPOSITORIES) for number in range(PULLERS)]
    watch = BoundWatch(registry, "private", BOUND, pause_s=0.1)
    watch.start()
    run_for([*exporters, *importers, checker, *pullers], SECONDS)
    watch.end(world)

    exports = sum(one.rounds for one in exporters)
    refused = sum(one.refused for one in exporters)
    late = checker.late + sum(one.late for one in pullers)
    collected = registry.metric("breakwater_collected_blobs_total")
    world.say(
        f"{exports} exports, {refused} refused; {sum(one.rounds for one in importers)} whole imports;"
        f" {sum(one.walked for one in pullers)} pulls; {checker.walked} tags walked, {late} late;"
        f" {collected:.0f} blobs collected in {SECONDS} s"
    )
    expect(refused * 100 <= exports, f"{refused} of {exports} exports were refused")
    expect(late * 100 <= checker.walked, f"{late} walks were slower than a lease")
    expect(collected > 10 * SECONDS, f"only {collected:.0f} blobs were collected: nothing was shown")
    expect(registry.metric("breakwater_integrity_broken") == 0, "something is broken")
    registry.stop()


if __name__ == "__main__":
    scenario(main)
