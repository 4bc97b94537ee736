"""`du` adds up to the disk to the byte, by route and by repository, in a store of many manifests that share
layers; and `saved` is what the upstream itself has counted, within 1 %, over a restart.

With BREAKWATER_FULL=1 there are 100 000 manifests."""

import collections
import concurrent.futures
import http.client
import random

from harness import expect, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.dialogue import Dialogue
from harness.operator import Operator
from harness.registry import push_blob, push_manifest
from harness.upstream import MadeUpstream
from harness.world import BUILD, FULL

MADE = (
    100_000 if FULL else 3_000
)  # by test/tools/store_maker: five blobs each that are its own, one that all share
MADE_BASE = images.digest_of(b"base layer")
REPOSITORIES, PUSHED, LAYERS = 12, 20, 40  # of a repository so many images, of the layers that there are
PULLED = 40  # images of the mirror
PULLERS = 6
TRIES = 50


def layer(number):
    return images.noise(f"layer-{number}", 1_000 + 7_777 * number)


def image_of(name, layers, config):
    """Its manifest, which is no other image's."""
    content = {"schemaVersion": 2, "mediaType": images.MANIFEST, "annotations": {"name": name}}
    content["config"] = {
        "mediaType": images.CONFIG,
        "digest": images.digest_of(config),
        "size": len(config),
    }
    content["layers"] = [
        {"mediaType": images.LAYER, "digest": images.digest_of(one), "size": len(one)} for one in layers
    ]
    return images.Manifest(images.MANIFEST, content)


class Holders:
    """Which repositories have which blob, as those know that pushed and pulled."""

    def __init__(self):
        self.of = collections.defaultdict(set)

    def add(self, route, repository, *contents):
        for content in contents:
            self.of[images.digest_of(content)].add((route, repository))


def push_all(world, address, holders):
    """Images that share layers, within and across repositories."""
    chance = random.Random(13)
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    for number in range(REPOSITORIES):
        repository = f"shared/app-{number}"
        mine = [layer(one) for one in chance.sample(range(LAYERS), 8)]
        for content in [config, *mine]:
            push_blob(address, repository, content)
        holders.add("private", repository, config, *mine)
        for tag in range(PUSHED):
            image = image_of(f"{repository}:{tag}", chance.sample(mine, 4), config)
            push_manifest(address, repository, image, f"v{tag}")
            holders.add("private", repository, image.bytes)
    dialogue = Dialogue(address)
    begun = dialogue.begin("shared/app-0")  # an upload that goes no further
    sent = dialogue.ask("PATCH", begun.header("Location"), {}, [b"x" * 50_000])
    expect(sent.status == 202, f"an upload: {sent}")
    dialogue.close()


class Hub:
    """What the upstream has: images whose layers are some of those that are pushed here as well."""

    def __init__(self):
        chance = random.Random(7)
        self.answers, self.images = {}, []
        for number in range(PULLED):
            repository = f"library/app-{number % 10}"
            layers = [layer(one) for one in chance.sample(range(LAYERS + 10), 3)]
            config = b'{"number":%d}' % (number % 10)
            image = image_of(f"hub {number}", layers, config)
            for reference in (f"v{number}", image.digest):
                self.answers[f"/v2/{repository}/manifests/{reference}"] = (
                    200,
                    images.MANIFEST,
                    image.bytes,
                )
            for content in [config, *layers]:
                path = f"/v2/{repository}/blobs/{images.digest_of(content)}"
                self.answers[path] = (200, "application/octet-stream", content)
            self.images.append((repository, f"v{number}", image, [config, *layers]))
        self.answers["/v2/"] = (200, "application/json", b"{}")

    def answer(self, target):
        return self.answers.get(target.partition("?")[0])

    def paths(self, number):
        """What a client asks for that pulls that image."""
        repository, tag, image, contents = self.images[number]
        yield f"/v2/{repository}/manifests/{tag}"
        yield f"/v2/{repository}/manifests/{image.digest}"
        for content in contents:
            yield f"/v2/{repository}/blobs/{images.digest_of(content)}"


def pull_all(address, hub, seed):
    """All images, on one connection, in an order of its own: how many requests and bytes that was."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    order = list(range(PULLED))
    random.Random(seed).shuffle(order)
    requests = got = 0
    for number in order:
        for path in hub.paths(number):
            connection.request("GET", path, headers={"Accept": images.ACCEPT})
            reply = connection.getresponse()
            body = reply.read()
            expect(reply.status == 200, f"{path}: {reply.status} {body[:200]}")
            requests, got = requests + 1, got + len(body)
    connection.close()
    return requests, got


def crowd_pulls(address, hub, round_):
    """Several clients at once: what they had in all."""
    seeds = [100 * round_ + number for number in range(PULLERS)]
    with concurrent.futures.ThreadPoolExecutor(PULLERS) as hands:
        done = list(hands.map(lambda seed: pull_all(address, hub, seed), seeds))
    return sum(requests for requests, _ in done), sum(got for _, got in done)


# --- the disk


def taken(folder):
    """{file's name: bytes of the disk that it takes} below a folder."""
    return {one.name: one.stat().st_blocks * 512 for one in folder.rglob("*") if one.is_file()}


def blobs_of(data):
    return {"sha256:" + name: size for name, size in taken(data / "blobs" / "sha256").items()}


def whole(data):
    """What the data folder takes in all, its folders too."""
    return sum(one.lstat().st_blocks * 512 for one in [data, *data.rglob("*")] if not one.is_socket())


def expect_equal(told, true, what):
    expect(told == true, f"{what}: du says {told}, and it is {true}: {told - true:+d}")


def expect_du(world, operator, data, holders):
    """By route and by repository, against the files and against what was pushed and pulled."""
    disk = blobs_of(data)
    in_all = sum(disk.values())
    by_route = operator.json("du")
    expect_equal(by_route["blobs_bytes"], in_all, "blobs")
    expect_equal(by_route["incoming_bytes"], sum(taken(data / "incoming").values()), "incoming")
    expect_equal(by_route["trash_bytes"], sum(taken(data / "trash").values()), "trash")
    paid = sum(row["paid_bytes"] for row in by_route["routes"]) + by_route["unattributed_bytes"]
    expect_equal(paid, in_all, "what all routes pay for")
    expect_equal(sum(row["blobs"] for row in by_route["routes"]), len(disk), "the number of blobs")

    told = operator.json("du", "--by", "repository", "--limit", "50000")
    expect("left_out" not in told, f"repositories are left out: {told.get('left_out')}")
    alone = sum(row["unique_bytes"] for row in told["repositories"])
    expect_equal(alone + told["shared_bytes"] + told["unheld_bytes"], in_all, "what all repositories have")
    rows = {(row["route"], row["repository"]): row for row in told["repositories"]}
    unique, shared = collections.Counter(), collections.Counter()
    for digest, repositories in holders.of.items():
        of = unique if len(repositories) == 1 else shared
        for repository in repositories:
            of[repository] += disk[digest]
    for repository in {one for several in holders.of.values() for one in several}:
        row = rows[repository]
        expect_equal(row["unique_bytes"], unique[repository], f"{repository} alone")
        expect_equal(row["shared_bytes"], shared[repository], f"{repository} with others")
    made = [row for (_, name), row in rows.items() if name.startswith("team-")]
    of_made = sum(size for digest, size in disk.items() if digest not in holders.of and digest != MADE_BASE)
    expect_equal(sum(row["unique_bytes"] for row in made), of_made, "the manifests that share a base")
    expect(all(row["shared_bytes"] == disk[MADE_BASE] for row in made), "the base that all share")
    return by_route


def expect_total(world, operator, data):
    """The sum of everything is what the folder takes, once nothing writes to the catalog in between."""
    for _ in range(TRIES):
        before = whole(data)
        told = operator.json("du")
        if before == whole(data):
            break
    expect_equal(told["total_bytes"], before, "the whole folder")


def expect_saved(operator, upstream, requests, got):
    """Against what the upstream has counted and what the clients had."""
    counted = upstream.counted()
    total = operator.json("saved", "dockerhub")["total"]

    def near(name, true):
        expect(
            abs(total[name] - true) <= true / 100,
            f"saved: {name} is {total[name]}, and counted were {true}",
        )

    near("upstream_requests", counted["requests"])
    near("upstream_bytes", counted["body_bytes"])
    near("requests", requests)
    near("bytes_sent", got)
    near("saved_requests", requests - counted["requests"])
    near("saved_bytes", got - counted["body_bytes"])
    return total


def main(world):
    data = world.fresh_folder("data") / "data"
    data.mkdir()
    world.run(BUILD / "store_maker", data, MADE, timeout_s=600)
    hub, holders = Hub(), Holders()
    upstream = MadeUpstream(world, hub.answer)
    breakwater = world.breakwater(
        routes=[mirror_route("dockerhub", "docker.io", upstream.url), private_route()], data=data
    )
    operator = Operator(breakwater)
    push_all(world, breakwater.addresses["private"], holders)
    requests, got = crowd_pulls(breakwater.addresses["dockerhub"], hub, 0)
    breakwater.wait_idle()
    for repository, _, image, contents in hub.images:
        holders.add("dockerhub", repository, image.bytes, *contents)

    before = expect_du(world, operator, data, holders)
    expect_total(world, operator, data)
    saved = expect_saved(operator, upstream, requests, got)
    breakwater.stop()
    breakwater.start()
    after = expect_du(world, operator, data, holders)
    expect_total(world, operator, data)
    expect_equal(after["blobs_bytes"], before["blobs_bytes"], "blobs after a restart")
    expect(
        operator.json("saved", "dockerhub")["total"] == saved,
        f"after a restart saved is {operator.json('saved', 'dockerhub')['total']}, and was {saved}",
    )
    more_requests, more_got = crowd_pulls(breakwater.addresses["dockerhub"], hub, 1)
    breakwater.wait_idle()
    total = expect_saved(operator, upstream, requests + more_requests, got + more_got)
    world.say(
        f"{after['blobs_bytes']} bytes in {MADE} made and {REPOSITORIES * PUSHED} pushed manifests add up;"
        f" {total['saved_requests']} requests and {total['saved_bytes']} bytes were saved"
    )
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
