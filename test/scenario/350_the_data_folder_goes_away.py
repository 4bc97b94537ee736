"""The data folder is a mount that goes away for a while, or another folder stands in its place: everything
answers 503, nothing is written to what is there instead, and when the folder is back nothing was forgotten -
also if the process was stopped in an orderly way meanwhile. A folder that does not belong together, or that a
newer version has written, is refused at the start, with one sentence and untouched."""

import json
import os
import shutil
import subprocess

from harness import disks, expect, http, images, scenario
from harness.breakwater import BINARY, mirror_route, private_route
from harness.registry import push

MEBI = images.MEBI
TAGS = 20
BUSY_SCRUB = {"scrub": {"bytes_per_second": "1GiB", "pause": "1s"}}


class Mount:
    """A folder that can go away: an ext4 file system at `path`."""

    def __init__(self, world):
        self._world = world
        self._disk = disks.SmallDisk(world, 256 * MEBI)
        self.path = world.fresh_folder("mounted")
        self.come()

    def come(self):
        self._world.run("mount", "--bind", self._disk.path, self.path)

    def go(self):
        self._world.run("umount", "--lazy", self.path)


def ready(breakwater):
    return http.get(breakwater.addresses["metrics"], "/readyz")


def pushed(breakwater):
    images_by_tag = {f"v{number}": images.single(f"away-{number}", [20_000, 3_000]) for number in range(TAGS)}
    for tag, image in images_by_tag.items():
        push(breakwater.addresses["private"], "team/app", tag, image)
    return images_by_tag


def paths_of(images_by_tag):
    return [path for tag, image in images_by_tag.items() for path in image.paths("team/app", tag)]


def expect_all(breakwater, images_by_tag, when):
    address = breakwater.addresses["private"]
    for path in paths_of(images_by_tag):
        got = http.get(address, path, {"Accept": images.ACCEPT})
        wanted = path.rpartition("/")[2]
        expect(got.status == 200 and not got.cut, f"{when}: {path}: {got.status} {got.body[:300]}")
        expect(":" not in wanted or got.digest == wanted, f"{when}: {path} has other bytes")
    expect(breakwater.metric("breakwater_integrity_broken") == 0, f"{when}: something is called broken")


def expect_away(world, breakwater, images_by_tag):
    address = breakwater.addresses["private"]
    world.wait_until(lambda: ready(breakwater).status == 503, "/readyz says that the folder is away", 30)
    expect(b"data folder" in ready(breakwater).body, f"/readyz says why: {ready(breakwater).body}")
    expect(http.get(breakwater.addresses["metrics"], "/livez").status == 200, "it is alive all the time")
    for path in paths_of(images_by_tag):
        got = http.get(address, path, {"Accept": images.ACCEPT})
        expect(got.status == 503, f"while the folder is away: {path}: {got.status} {got.body[:300]}")
        expect("Retry-After" in str(got.headers), f"it says when to come back: {got.headers}")
    for method, path in (
        ("POST", "/v2/team/app/blobs/uploads/"),
        ("PUT", "/v2/team/app/manifests/new"),
        ("DELETE", "/v2/team/app/manifests/v1"),
    ):
        got = http.ask(address, method, path, None, b"")
        expect(got.status == 503, f"while the folder is away: {method} {path}: {got}")


def wait_for_scrubs(world, breakwater, more):
    """That many more errors of the scrub, or passes."""

    def seen():
        return sum(event["event"] in ("scrub_interrupted", "scrubbed") for event in breakwater.events())

    before = seen()
    world.wait_until(lambda: seen() >= before + more, "the scrub runs", 60)


def goes_and_comes(world, hub):
    mount = Mount(world)
    breakwater = world.breakwater(
        routes=[private_route(), mirror_route("dockerhub", "docker.io", hub.url)],
        data=mount.path / "data",
        settings=BUSY_SCRUB,
    )
    images_by_tag = pushed(breakwater)
    cached = "/v2/library/app/blobs/" + hub.push_blob("library/app", images.noise("cached", MEBI))
    expect(http.get(breakwater.addresses["dockerhub"], cached).status == 200, "the mirror has it")
    breakwater.wait_idle()

    mount.go()
    expect_away(world, breakwater, images_by_tag)
    wait_for_scrubs(world, breakwater, 1)
    mount.come()
    world.wait_until(lambda: ready(breakwater).status == 200, "/readyz says that the folder is back", 30)
    expect_all(breakwater, images_by_tag, "the folder is back")
    expect(http.get(breakwater.addresses["dockerhub"], cached).status == 200, "what the mirror had, it has")
    later = images.single("pushed-later", [5_000])
    push(breakwater.addresses["private"], "team/app", "later", later)

    # Stopped in an orderly way while the folder is away.
    mount.go()
    world.wait_until(lambda: ready(breakwater).status == 503, "away again", 30)
    breakwater.stop()
    expect(os.listdir(mount.path) == [], f"what stands there instead is untouched: {os.listdir(mount.path)}")
    mount.come()
    breakwater.start()
    expect_all(breakwater, {**images_by_tag, "later": later}, "after an orderly stop in between")

    # Another folder in its place, an empty one, and then one of another registry.
    away = mount.path / "away"
    for what in ("an empty folder", "another store"):
        (mount.path / "data").rename(away)
        if what == "an empty folder":
            (mount.path / "data").mkdir()
        else:
            other = world.breakwater(routes=[private_route()], data=mount.path / "data")
            other.stop()
        before = sorted(path for path in (mount.path / "data").rglob("*"))
        expect_away(world, breakwater, images_by_tag)
        after = sorted(path for path in (mount.path / "data").rglob("*"))
        expect(before == after, f"{what} in its place is touched: {set(after) ^ set(before)}")
        shutil.rmtree(mount.path / "data")
        away.rename(mount.path / "data")
        world.wait_until(lambda: ready(breakwater).status == 200, f"back after {what}", 30)
        expect_all(breakwater, images_by_tag, f"after {what}")
    push(breakwater.addresses["private"], "team/app", "last", later)

    # A file that somebody moved away is lost, and is not when it is back.
    digest = images_by_tag["v3"].top.digest.removeprefix("sha256:")
    breakwater.stop()
    breakwater.start()
    file = mount.path / "data" / "blobs" / "sha256" / digest[:2] / digest
    file.rename(mount.path / digest)
    world.wait_until(
        lambda: http.get(
            breakwater.addresses["private"], "/v2/team/app/manifests/v3", {"Accept": images.ACCEPT}
        ).status
        == 404,
        "the manifest is missed",
        30,
    )
    expect(breakwater.metric("breakwater_integrity_broken") == 1, "it is called broken")
    (mount.path / digest).rename(file)
    world.wait_until(lambda: breakwater.metric("breakwater_integrity_broken") == 0, "it is back", 90)
    expect_all(breakwater, images_by_tag, "a file that was put back")
    breakwater.stop()
    return mount


def start_refused(world, data, *words):
    """What a start says that does not come about."""
    config = world.fresh_folder("config") / "breakwater.json"
    settings = {"data": str(data), "routes": [private_route()], "metrics": {"listen": ["127.0.0.1:0"]}}
    config.write_text(json.dumps(settings))
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in data.rglob("*"))
    done = subprocess.run(
        [str(BINARY), "serve", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        text=True,
    )
    expect(done.returncode == 1, f"a start that should be refused: {done.returncode}, {done.stdout}")
    for word in words:
        expect(word in done.stdout, f"it says {word!r}: {done.stdout}")
    return before, sorted((str(path), path.lstat().st_mtime_ns) for path in data.rglob("*"))


def is_refused_at_the_start(world, mount):
    data = mount.path / "data"
    form = data / "format"
    text = form.read_text()
    form.write_text(text.replace("version 1", "version 2"))
    before, after = start_refused(world, data, "newer version", "format 2")
    expect(before == after, f"a newer folder is touched: {set(before) ^ set(after)}")
    verify = subprocess.run(
        [str(BINARY), "verify", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    expect(verify.returncode == 2 and "newer version" in verify.stdout, f"verify: {verify}")
    form.write_text(text)

    (data / "catalog").rename(mount.path / "catalog")
    start_refused(world, data, "catalog", "is not there")
    expect(not (data / "catalog").exists(), "no catalog is made in the place of one that is away")
    (mount.path / "catalog").rename(data / "catalog")

    form.write_text(text[:-9] + "00000000\n")
    start_refused(world, data, "another data folder")
    form.write_text(text)

    other = disks.SmallDisk(world, 32 * MEBI)
    (data / "blobs").rename(mount.path / "blobs")
    (data / "blobs").symlink_to(other.path)
    start_refused(world, data, "another file system")
    (data / "blobs").unlink()
    (mount.path / "blobs").rename(data / "blobs")


def main(world):
    hub = world.registry()
    mount = goes_and_comes(world, hub)
    is_refused_at_the_start(world, mount)


scenario(main)
