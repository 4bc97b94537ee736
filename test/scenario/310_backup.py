"""A backup is made while pushes run, caches are overwritten and what they named is collected. Copied
back, it serves everything that was acknowledged before the backup began, and every tag that it lists
pulls whole."""

import shutil
import subprocess
import threading

from harness import expect, http as web, images, scenario
from harness.breakwater import BINARY
from harness.clients import Skopeo
from harness.pushes import held
from harness.registry import push

PUSHERS = 4
BACKUPS = 3


class Pusher(threading.Thread):
    """Pushes new images under tags of their own, and overwrites one tag all the time."""

    def __init__(self, address, name):
        super().__init__(daemon=True)
        self.address, self.name = address, name
        self.acknowledged, self.fault, self.ending = [], None, False

    def run(self):
        try:
            number = 0
            while not self.ending:
                image = images.single(f"{self.name}-{number}", [200_000, 3_000])
                push(self.address, f"ci/{self.name}", f"n{number}", image)
                self.acknowledged.append((f"n{number}", image.top.digest))
                push(
                    self.address,
                    f"ci/{self.name}",
                    "cache",
                    images.single(f"{self.name}-cache-{number}", [150_000]),
                )
                number += 1
        except Exception as error:  # the scenario says which
            self.fault = error


def back_up(registry, to):
    done = subprocess.run(
        [
            str(one)
            for one in (BINARY, "backup", to, "--config", registry.config_file, "--data", registry.data)
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    return done.returncode, done.stdout.decode()


def expect_restored(world, registry, backup, acknowledged):
    data = world.fresh_folder("restored") / "data"
    shutil.copytree(backup, data)
    restored = type(registry)(world, routes=registry.config["routes"], data=data)
    for repository, tags in acknowledged.items():
        for tag, digest in tags:
            expect(
                held(restored.address, repository, tag).top.digest == digest,
                f"{repository}:{tag} was acknowledged before the backup and is another one",
            )
        listed = web.get(restored.address, f"/v2/{repository}/tags/list").json()["tags"]
        for tag in listed:
            held(restored.address, repository, tag)
        world.say(
            f"{repository}: {len(tags)} tags were acknowledged before the backup, {len(listed)} are in it,"
            " all whole"
        )
    lost = [event for event in restored.events() if "lost" in str(event)]
    expect(not lost, f"the backup's catalog names what is not there: {lost}")
    repository, tags = next(iter(acknowledged.items()))
    Skopeo(world, {}, [restored.address]).pull(f"{restored.address}/{repository}:{tags[-1][0]}")
    restored.stop()


def main(world):
    registry = world.private_registry(registry={"lease": "5s"})
    pushers = [Pusher(registry.address, f"job{number}") for number in range(PUSHERS)]
    for pusher in pushers:
        pusher.start()
    folder = world.fresh_folder("backups")
    for number in range(BACKUPS):
        enough = 4 * (number + 1)
        world.wait_until(
            lambda: all(len(one.acknowledged) >= enough or one.fault for one in pushers),
            f"{enough} images of each",
            60,
        )
        acknowledged = {f"ci/{pusher.name}": list(pusher.acknowledged) for pusher in pushers}
        status, said = back_up(registry, folder / str(number))
        expect(status == 0 and "backed up " in said, f"backup ended with {status}: {said}")
        status, said = back_up(registry, folder / str(number))
        expect(
            status == 1 and "is there already" in said,
            f"a second backup into the same folder: {status}, {said}",
        )
        expect_restored(world, registry, folder / str(number), acknowledged)
    for pusher in pushers:
        pusher.ending = True
    for pusher in pushers:
        pusher.join(60)
        expect(pusher.fault is None, f"{pusher.name}: {pusher.fault!r}")
    expect(
        (registry.data / "control").stat().st_mode & 0o777 == 0o600,
        "others may connect to the control socket",
    )

    # And when nobody serves it.
    registry.stop()
    status, said = back_up(registry, folder / "unserved")
    expect(status == 0, f"backup of a folder that nobody serves ended with {status}: {said}")
    copied = [
        file
        for file in (folder / "unserved" / "blobs").rglob("*")
        if file.is_file() and file.stat().st_nlink == 1
    ]
    expect(not copied, f"on one file system these were copied: {copied}")
    expect_restored(
        world,
        registry,
        folder / "unserved",
        {f"ci/{pusher.name}": list(pusher.acknowledged) for pusher in pushers},
    )


if __name__ == "__main__":
    scenario(main)
