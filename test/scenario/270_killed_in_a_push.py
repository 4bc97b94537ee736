"""kill -9 at random moments of pushes, then a restart: what was acknowledged is there, whole, under its tag;
the rest is absent or goes on.

15 kills; 200 with BREAKWATER_FULL=1. BREAKWATER_SEED chooses other moments."""

import hashlib
import http.client
import json
import os
import random
import re
import shutil
import threading
import time

from harness import bounds, expect, http as web, images, scenario
from harness.dialogue import Dialogue, received_of
from harness.world import FULL

KILLS = 200 if FULL else 15
SEED = int(os.environ.get("BREAKWATER_SEED", "1"))
CLIENTS = 4
MEBI = images.MEBI
SIZES = [MEBI, MEBI + 1, 2 * MEBI + 333, 5 * MEBI, 11 * MEBI + 4095, 24 * MEBI, 64 * MEBI]
TAIL_BYTES = 24
COMMON = memoryview(images.noise("killed-pushes", max(SIZES)))
HASHES = {size: hashlib.sha256(COMMON[: size - TAIL_BYTES]) for size in SIZES}
DATA_BYTES_MAX = 3 << 30  # then the store begins anew


class Content:
    """A blob like no other: bytes that all begin with, and a tail."""

    def __init__(self, size, name):
        self.size = size
        self._tail = name.encode().ljust(TAIL_BYTES, b".")
        state = HASHES[size].copy()
        state.update(self._tail)
        self.digest = "sha256:" + state.hexdigest()

    def parts(self, begin=0, end=None):
        end = self.size if end is None else end
        common = self.size - TAIL_BYTES
        return [
            part
            for part in (
                COMMON[min(begin, common) : min(end, common)],
                self._tail[max(begin - common, 0) : max(end - common, 0)],
            )
            if len(part)
        ]

    def pieces(self, size):
        return [
            part
            for begin in range(0, self.size, size)
            for part in self.parts(begin, min(begin + size, self.size))
        ]


class Upload:
    """One blob on its way, as its client knows it."""

    def __init__(self, repository, content):
        self.repository, self.content = repository, content
        self.location = None
        self.acknowledged = 0  # bytes
        self.finishing = self.stored = False


class Tagging:
    """One manifest put under a tag; `ended` when it was acknowledged."""

    def __init__(self, tag, digest):
        self.tag, self.digest = tag, digest
        self.began, self.ended = time.monotonic(), None


class Client(threading.Thread):
    """Pushes blobs in all ways, and manifests of them, under a tag of its own and under one that others
    overwrite too, until the connection breaks."""

    def __init__(self, address, name, repository, chance, when_sent):
        super().__init__(daemon=True)
        self.name, self.repository, self.random = name, repository, chance
        self.dialogue = Dialogue(address, when_sent=when_sent)
        self.uploads, self.taggings, self.fault = [], [], None

    def run(self):
        try:
            while True:
                stored = [self.push_blob() for _ in range(self.random.randint(1, 2))]
                self.push_manifest(stored)
        except (OSError, http.client.HTTPException):
            pass  # killed
        except Exception as error:  # the scenario says which
            self.fault = error

    def begin(self, content):
        upload = Upload(self.repository, content)
        self.uploads.append(upload)
        begun = self.dialogue.begin(self.repository)
        expect(begun.status == 202, f"POST: {begun}")
        upload.location = begun.header("Location")
        return upload

    def finish(self, upload, parts=()):
        upload.finishing = True
        done = self.dialogue.finish(upload.location, upload.content.digest, parts)
        expect(done.status == 201, f"PUT of a blob: {done}")
        upload.stored = True

    def appended(self, upload, end, reply):
        expect(reply.status in (202, 204) and received_of(reply) == end, f"PATCH up to {end}: {reply}")
        upload.location, upload.acknowledged = reply.header("Location"), end

    def push_blob(self):
        size = self.random.choice(SIZES)
        content = Content(size, f"{self.name} {len(self.uploads)}")
        upload = self.begin(content)
        way = self.random.choice(("chunks", "stream", "whole", "whole"))
        if way == "whole":
            self.finish(upload, content.parts())
        elif way == "stream":
            self.appended(upload, size, self.dialogue.append(upload.location, content.pieces(256 * 1024)))
            self.finish(upload)
        else:
            chunk = size // self.random.randint(2, 5) + 1
            for begin in range(0, size - chunk, chunk):
                self.appended(
                    upload,
                    begin + chunk,
                    self.dialogue.append(upload.location, content.parts(begin, begin + chunk), first=begin),
                )
            self.finish(upload, content.parts(upload.acknowledged))
        return content

    def push_manifest(self, layers):
        config = Content(MEBI, f"{self.name} {len(self.uploads)} c")
        self.finish(self.begin(config), config.parts())
        describe = lambda media_type, content: {
            "mediaType": media_type,
            "digest": content.digest,
            "size": content.size,
        }  # noqa: E731
        manifest = images.Manifest(
            images.MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": images.MANIFEST,
                "config": describe(images.CONFIG, config),
                "layers": [describe(images.LAYER, layer) for layer in layers],
            },
        )
        tagging = Tagging(self.random.choice((self.name.split()[0], "latest")), manifest.digest)
        self.taggings.append(tagging)
        done = self.dialogue.put_manifest(self.repository, tagging.tag, manifest.media_type, manifest.bytes)
        expect(done.status == 201, f"PUT of a manifest: {done}")
        tagging.ended = time.monotonic()


class Story:
    """The registry, and what must be in it."""

    def __init__(self, world):
        self.world = world
        self.registry = world.private_registry()
        self.repositories = ["ci/one", "ci/two"]
        self.begin_anew()

    def begin_anew(self):
        self.whole = {}  # hex of each blob file that was hashed: its size
        self.tags = {}  # (repository, tag): what it named when all was quiet

    def kill_once(self, number):
        chance = random.Random(f"{SEED} {number}")
        puts_sent = threading.Semaphore(0)
        clients = [
            Client(
                self.registry.address,
                f"client-{one} {number}",
                self.repositories[one % 2],
                random.Random(f"{SEED} {number} {one}"),
                lambda method: method == "PUT" and puts_sent.release(),
            )
            for one in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        if chance.random() < 0.5:
            moment_s = chance.uniform(0, 1.2)
            when = f"{moment_s * 1000:.0f} ms after the start"
        else:  # while something is being committed
            puts, moment_s = chance.randint(1, 12), chance.uniform(0, 0.06)
            when = f"{moment_s * 1000:.0f} ms after the PUT number {puts} was sent"
            for _ in range(puts):
                puts_sent.acquire(timeout=10)
        time.sleep(moment_s)
        self.registry.kill()
        for client in clients:
            client.join(30)
            expect(
                not client.is_alive() and client.fault is None,
                f"a client before kill {number}: {client.fault!r}",
            )
        self.registry.start()
        self.check(clients, chance, f"kill {number}, {when}")

    def check(self, clients, chance, what):
        self.what = what
        self.check_files()
        dialogue = Dialogue(self.registry.address)
        uploads = [upload for client in clients for upload in client.uploads]
        resumed = sum(self.check_upload(dialogue, upload, chance) for upload in uploads)
        self.check_files()
        for repository in self.repositories:
            for tag in {"latest"} | {
                client.name.split()[0] for client in clients if client.repository == repository
            }:
                self.check_tag(
                    dialogue,
                    repository,
                    tag,
                    [
                        one
                        for client in clients
                        if client.repository == repository
                        for one in client.taggings
                        if one.tag == tag
                    ],
                )
        strangers = self.end_strangers(dialogue)
        dialogue.close()
        on_disk = sum(bounds.on_disk(one.stat().st_size) for one in self.registry.blob_files())
        accounted = self.registry.metric("breakwater_store_whole_bytes")
        self.expect(accounted == on_disk, f"{accounted:.0f} bytes are accounted, the files take {on_disk}")
        stored = sum(upload.stored for upload in uploads)
        tagged = sum(one.ended is not None for client in clients for one in client.taggings)
        self.world.say(
            f"{what}: {stored} of {len(uploads)} blobs and {tagged} tags were acknowledged; {resumed} went"
            f" on, {strangers} sessions that nobody had heard of"
        )

    def expect(self, condition, message):
        expect(condition, f"after {self.what}: {message}")

    def check_files(self):
        for file in self.registry.blob_files():
            if file.name not in self.whole:
                with open(file, "rb") as opened:
                    found = hashlib.file_digest(opened, "sha256").hexdigest()
                self.expect(found == file.name, f"{file} of {file.stat().st_size} bytes holds {found}")
                self.whole[file.name] = file.stat().st_size

    def expect_blob(self, dialogue, repository, digest, size):
        head = dialogue.ask("HEAD", f"/v2/{repository}/blobs/{digest}")
        self.expect(
            head.status == 200 and head.header("Content-Length") == str(size),
            f"{digest} of {size} bytes: {head}",
        )
        self.expect(self.whole.get(digest.partition(":")[2]) == size, f"{digest} has no file of {size} bytes")

    def check_upload(self, dialogue, upload, chance):
        """Whether it was resumed."""
        content = upload.content
        if upload.stored:
            self.expect_blob(dialogue, upload.repository, content.digest, content.size)
            return False
        if upload.location is None:
            return False
        status = dialogue.ask("GET", upload.location)
        if upload.finishing and status.status == 404:  # it was stored, but nobody heard of it
            self.expect_blob(dialogue, upload.repository, content.digest, content.size)
            return False
        self.expect(
            status.status == 204,
            f"an upload of which {upload.acknowledged} bytes were acknowledged: {status}",
        )
        received = received_of(status)
        # Between the rename of a whole blob and its record the session has nothing: it goes on from the
        # beginning, and the client is told so.
        is_placed = upload.finishing and received == 0 and content.digest.partition(":")[2] in self.whole
        self.expect(
            is_placed or upload.acknowledged <= received <= content.size,
            f"{upload.acknowledged} bytes were acknowledged, {received} of {content.size} are there",
        )
        head = dialogue.ask("HEAD", f"/v2/{upload.repository}/blobs/{content.digest}")
        self.expect(head.status == 404, f"{content.digest} is there and is still being received: {head}")
        self.resume(dialogue, upload, status.header("Location"), received, chance)
        return True

    def resume(self, dialogue, upload, location, received, chance):
        content = upload.content
        if chance.random() < 0.5 and received < content.size:
            appended = dialogue.append(location, content.parts(received), first=received)
            self.expect(
                appended.status in (202, 204) and received_of(appended) == content.size,
                f"going on from {received}: {appended}",
            )
            location, received = appended.header("Location"), content.size
        done = dialogue.finish(location, content.digest, content.parts(received))
        self.expect(
            done.status == 201, f"ending an upload that went on from {received} of {content.size}: {done}"
        )
        got = dialogue.ask("GET", f"/v2/{upload.repository}/blobs/{content.digest}")
        self.expect(
            got.status == 200 and got.digest == content.digest,
            f"{content.digest} came as {got.status}, {len(got.body)} bytes",
        )

    def check_tag(self, dialogue, repository, tag, taggings):
        got = dialogue.ask("GET", f"/v2/{repository}/manifests/{tag}", {"Accept": images.ACCEPT})
        before = self.tags.get((repository, tag))
        ended = [one for one in taggings if one.ended is not None]
        # What was acknowledged before something that was acknowledged began cannot be there any more.
        allowed = {
            one.digest
            for one in taggings
            if one.ended is None or all(other.began <= one.ended for other in ended)
        } | (set() if ended else {before})
        if got.status == 404:
            self.expect(None in allowed, f"{repository}:{tag} is gone: {got}")
            return
        self.expect(
            got.status == 200 and got.digest == got.header("Docker-Content-Digest"),
            f"{repository}:{tag}: {got}",
        )
        self.expect(got.digest in allowed, f"{repository}:{tag} is {got.digest}, not one of {allowed}")
        self.tags[(repository, tag)] = got.digest
        content = json.loads(got.body)
        for one in [content["config"], *content["layers"]]:
            self.expect_blob(dialogue, repository, one["digest"], one["size"])

    def end_strangers(self, dialogue):
        """What is still incoming are sessions whose POST was never answered. They live, and can be ended."""
        strangers = self.registry.partials()
        for file in strangers:
            found = re.search(r"[0-9a-f]{32}$", file.name)
            self.expect(found, f"{file} is no session's")
            paths = [f"/v2/{repository}/blobs/uploads/{found.group()}" for repository in self.repositories]
            alive = [path for path in paths if dialogue.ask("GET", path).status == 204]
            self.expect(len(alive) == 1, f"{file} is a session of {alive}")
            ended = dialogue.ask("DELETE", alive[0])
            self.expect(ended.status == 204, f"DELETE {alive[0]}: {ended}")
        self.expect(not self.registry.partials(), f"{self.registry.partials()} are left")
        return len(strangers)

    def bound_data(self):
        if sum(self.whole.values()) > DATA_BYTES_MAX:
            self.registry.stop()
            shutil.rmtree(self.registry.data)
            self.begin_anew()
            self.registry.start()


def main(world):
    story = Story(world)
    world.say(f"seed {SEED}")
    for number in range(KILLS):
        story.kill_once(number)
        story.bound_data()
    story.registry.stop()
    story.registry.start()
    story.what, before, story.whole = "all restarts", story.whole, {}
    story.check_files()
    expect(story.whole == before, f"blobs came or went in the last restart: {set(story.whole) ^ set(before)}")
    for (repository, tag), digest in story.tags.items():
        got = web.get(story.registry.address, f"/v2/{repository}/manifests/{tag}", {"Accept": images.ACCEPT})
        expect(got.digest == digest, f"{repository}:{tag} after all restarts: {got}")
    story.registry.stop()


if __name__ == "__main__":
    scenario(main)
