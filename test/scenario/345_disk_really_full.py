"""The file system is really full and no bound is configured: pushes are refused with 403, pulls go on,
and a mirror passes what it fetches through. When somebody makes room, on the disk or by deleting from the
registry, everything goes on; a restart on the full disk loses nothing."""

import concurrent.futures

from harness import disks, expect, http, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.caches import Exporter
from harness.dialogue import Dialogue
from harness.registry import push

MEBI = images.MEBI
DISK = 160 * MEBI
LAYER = 8 * MEBI
TAGS_A_ROUND = 1500  # what fills the catalog's log, and then some
PUSHERS = 8
GIVEN_UP_MAX = 5
LEASE_S = 8  # longer than a push takes, also on a slow disk


def fill(disk, name="hog"):
    """Somebody else's file takes all that is left, to the last block."""
    hog = disk.path / name
    with open(hog, "wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass
    return hog


def push_blob(address, content):
    """The statuses of a monolithic push."""
    dialogue = Dialogue(address)
    begun = dialogue.begin("team/app")
    if begun.status != 202:
        return begun
    put = dialogue.finish(begun.header("Location"), images.digest_of(content), [content])
    if put.status == 403:
        dialogue.close()
        ended = http.ask(address, "DELETE", begun.header("Location"))
        expect(ended.status in (204, 404), f"the session of what was refused: {ended}")
    return put


def expect_whole(address, repository, image, tag):
    for path in image.paths(repository, tag):
        got = http.get(address, path, {"Accept": images.ACCEPT})
        expect(
            got.status == 200
            and not got.cut
            and (":" not in path.rpartition("/")[2] or got.digest == path.rpartition("/")[2]),
            f"{path}: {got.status}",
        )


def expect_refused(reply):
    expect(
        reply.status == 403 and " is full: " in reply.json()["errors"][0]["message"],
        f"a push to a full disk: {reply}",
    )


def tag_all_the_time(address, image, prefix):
    """Each under another tag, several at once; those that were acknowledged."""

    def tag_it(number):
        tag = f"{prefix}-{number}-{'x' * 80}"
        reply = http.ask(
            address,
            "PUT",
            f"/v2/team/app/manifests/{tag}",
            {"Content-Type": image.top.media_type},
            image.top.bytes,
        )
        expect(reply.status in (201, 403), f"a tag while the disk fills up: {reply}")
        return tag if reply.status == 201 else None

    with concurrent.futures.ThreadPoolExecutor(PUSHERS) as pushers:
        return [tag for tag in pushers.map(tag_it, range(TAGS_A_ROUND)) if tag]


def kill_without_a_byte_left(breakwater, disk):
    breakwater.kill()
    last_bytes = fill(disk, "last-bytes")
    breakwater.start()
    return last_bytes


def main(world):
    disk = disks.SmallDisk(world, DISK)
    hub = world.registry()
    cached = "/v2/library/app/blobs/" + hub.push_blob("library/app", images.noise("cached", 3 * MEBI))
    uncached = [
        "/v2/library/app/blobs/" + hub.push_blob("library/app", images.noise(f"uncached-{number}", 20 * MEBI))
        for number in range(2)
    ]
    breakwater = world.breakwater(
        routes=[
            private_route(registry={"lease": f"{LEASE_S}s"}),
            mirror_route("dockerhub", "docker.io", hub.url),
        ],
        data=disk.path / "data",
        settings={"bytes_max": "100GiB"},
    )
    image, garbage = images.single("keep", [LAYER, 10_000]), images.single(
        "garbage", [LAYER, LAYER, LAYER, LAYER]
    )
    push(breakwater.addresses["private"], "team/app", "v1", image)
    push(breakwater.addresses["private"], "team/app", "garbage", garbage)
    Exporter(breakwater.addresses["private"], 0).work()
    expect(http.get(breakwater.addresses["dockerhub"], cached).status == 200, "filling the mirror")
    breakwater.wait_idle()

    hog = fill(disk)
    for number in range(3):
        expect_refused(push_blob(breakwater.addresses["private"], images.noise(f"refused-{number}", LAYER)))
    # The mirror gives up what it can fetch again, so this is no more than a pull that is served whole.
    for path in [cached, *uncached]:
        got = http.get(breakwater.addresses["dockerhub"], path)
        expect(
            got.status == 200 and not got.cut and got.digest == path.rpartition("/")[2],
            f"through the mirror of a full disk: {got.status}, cut: {got.cut}",
        )
    expect_whole(breakwater.addresses["private"], "team/app", image, "v1")

    breakwater.wait_idle()
    breakwater.stop()
    last_bytes = fill(disk, "last-bytes")
    breakwater.start()
    expect_whole(breakwater.addresses["private"], "team/app", image, "v1")
    expect_whole(breakwater.addresses["private"], "team/app", garbage, "garbage")
    expect_refused(push_blob(breakwater.addresses["private"], images.noise("refused-after-restart", LAYER)))
    tags = http.get(breakwater.addresses["private"], "/v2/team/app/tags/list").json()["tags"]
    expect(tags == ["garbage", "v1"], f"after a restart on a full disk the tags are {tags}")

    # Room by deletion and collection; nobody restarts anything.
    last_bytes.unlink()
    deleted = http.ask(
        breakwater.addresses["private"], "DELETE", f"/v2/team/app/manifests/{garbage.top.digest}"
    )
    expect(deleted.status == 202, f"DELETE on a full disk: {deleted}")
    world.wait_until(lambda: disk.free_bytes() >= 3 * LAYER, "collection gives back what was deleted", 30)
    content = images.noise("after-collection", LAYER)
    world.wait_until(
        lambda: push_blob(breakwater.addresses["private"], content).status == 201,
        "a push after a deletion",
        30,
        0.5,
    )

    # Full once more, and then the other's file goes.
    hog_again = disk.path / "hog-again"
    hog.rename(hog_again)
    fill(disk)
    expect_refused(push_blob(breakwater.addresses["private"], images.noise("refused-again", LAYER)))
    (disk.path / "hog").unlink()
    hog_again.unlink()
    later = images.single("later", [LAYER])
    push(breakwater.addresses["private"], "team/app", "v2", later)
    expect_whole(breakwater.addresses["private"], "team/app", later, "v2")
    expect(
        http.get(breakwater.addresses["dockerhub"], uncached[0]).status == 200,
        "the mirror after there is room",
    )
    breakwater.wait_idle()
    stored = breakwater.metric("breakwater_store_bytes", route="dockerhub")
    expect(stored >= 20 * MEBI, f"the mirror does not store again: {stored}")
    # What no manifest came for goes, so that below there is nothing left that could make room.
    name = images.digest_of(content).removeprefix("sha256:")
    left_alone = disk.path / "data" / "blobs" / "sha256" / name[:2] / name
    world.wait_until(lambda: not left_alone.exists(), "what no manifest came for is collected", 30)

    # Full and not in turns, and the catalog is written all the time: its log breaks off, and is mended.
    acknowledged = []
    for turn in range(3):
        hog = fill(disk)
        acknowledged += tag_all_the_time(breakwater.addresses["private"], later, f"turn{turn}")
        expect_whole(breakwater.addresses["private"], "team/app", image, "v1")
        hog.unlink()
        content = images.noise(f"turn-{turn}", 10_000)
        world.wait_until(
            lambda: push_blob(breakwater.addresses["private"], content).status == 201,
            "a push when there is room again",
            30,
            0.5,
        )
    world.say(f"{len(acknowledged)} of {3 * TAGS_A_ROUND} tags were acknowledged while the disk was full")

    # Killed while there is no byte left: it starts, to be read from, and goes on when there is room.
    hog = fill(disk)
    acknowledged += tag_all_the_time(breakwater.addresses["private"], later, "killed")
    last_bytes = kill_without_a_byte_left(breakwater, disk)
    expect_whole(breakwater.addresses["private"], "team/app", image, "v1")
    expect_whole(breakwater.addresses["private"], "team/app", later, "v2")
    expect_refused(push_blob(breakwater.addresses["private"], images.noise("refused-after-kill", LAYER)))
    hog.unlink()
    last_bytes.unlink()
    world.wait_until(
        lambda: push_blob(breakwater.addresses["private"], images.noise("after-kill", LAYER)).status == 201,
        "a push after the kill",
        30,
        0.5,
    )

    # Where a mirror has something to give up it does that, and tags are taken at once. Tags may already have
    # needed that room before the kill: then there is nothing to be seen, and it is tried again.
    for turn in range(GIVEN_UP_MAX):
        got = http.get(breakwater.addresses["dockerhub"], uncached[0])
        expect(got.status == 200 and not got.cut, f"the mirror when there is room again: {got.status}")
        breakwater.wait_idle()
        hog = fill(disk)
        acknowledged += tag_all_the_time(breakwater.addresses["private"], later, f"killed-again{turn}")
        if breakwater.metric("breakwater_store_bytes", route="dockerhub") >= 20 * MEBI:
            break
        hog.unlink()
    else:
        expect(False, f"the mirror has given up its blob {GIVEN_UP_MAX} times before the kill")
    last_bytes = kill_without_a_byte_left(breakwater, disk)
    tagged = http.ask(
        breakwater.addresses["private"],
        "PUT",
        "/v2/team/app/manifests/after",
        {"Content-Type": later.top.media_type},
        later.top.bytes,
    )
    expect(tagged.status == 201, f"a tag when a mirror has made room: {tagged}")
    hog.unlink()
    last_bytes.unlink()

    breakwater.kill()
    breakwater.start()
    expect_whole(breakwater.addresses["private"], "team/app", image, "v1")
    expect_whole(breakwater.addresses["private"], "team/app", later, "after")
    listed = set(http.get(breakwater.addresses["private"], "/v2/team/app/tags/list?n=10000").json()["tags"])
    expect(set(acknowledged) <= listed, f"{len(set(acknowledged) - listed)} acknowledged tags are gone")
    expect(breakwater.metric("breakwater_integrity_broken") == 0, "something is broken")
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
