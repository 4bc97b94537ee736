"""Builders that export their cache to a registry and import it, as BuildKit does: each a thread with a
connection of its own."""

import json
import random
import threading
import time

from . import images
from .dialogue import Dialogue
from .world import expect

REPOSITORY, TAG = "ci/cache", "main"
CONFIG = "application/vnd.buildkit.cacheconfig.v0"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
# What each exporter writes: image-manifest=true is today's default; false gives an index of layers and the
# config, and with oci-mediatypes=false Docker's list.
FORMS = [
    images.MANIFEST,
    images.MANIFEST,
    images.INDEX,
    images.MANIFEST,
    images.MANIFEST,
    DOCKER_LIST,
    images.MANIFEST,
    images.INDEX,
]
SHARED_LAYERS = [images.noise(f"shared-{number}", 48 * 1024 + number) for number in range(6)]


def descriptor(media_type, content):
    return {"mediaType": media_type, "digest": images.digest_of(content), "size": len(content)}


class Worker(threading.Thread):
    """Does its work over and over on a connection of its own, until it is told to end or something is
    wrong."""

    def __init__(self, address, number, repository=REPOSITORY, tag=TAG):
        super().__init__(daemon=True)
        self.number, self.repository, self.tag = number, repository, tag
        self.dialogue = Dialogue(address)
        self.random = random.Random(number)
        self.rounds, self.fault, self.ended = 0, None, False

    def run(self):
        try:
            while not self.ended:
                self.work()
                self.rounds += 1
        except Exception as error:  # the scenario says which
            self.fault = error

    def ask(self, allowed, method, path, *more):
        reply = self.dialogue.ask(method, path, *more)
        expect(reply.status in allowed, f"{method} {path}: {reply}")
        return reply


class Exporter(Worker):
    def work(self):
        form = FORMS[self.number % len(FORMS)]
        layer_type = DOCKER_LAYER if form == DOCKER_LIST else LAYER
        layers = self.layers()
        for layer in layers:
            self.push_blob(layer)
        descriptors = [descriptor(layer_type, layer) for layer in layers]
        # The importer tells by this whether what it has is of one export.
        config = json.dumps(
            {
                "layers": [{"blob": one["digest"]} for one in descriptors],
                "records": [{"digest": f"exporter {self.number}, round {self.rounds}"}],
            }
        ).encode()
        self.push_blob(config)
        config_descriptor = descriptor(CONFIG, config)
        if form == images.MANIFEST:
            content = {
                "schemaVersion": 2,
                "mediaType": form,
                "config": config_descriptor,
                "layers": descriptors,
            }
        else:
            content = {"schemaVersion": 2, "mediaType": form, "manifests": [*descriptors, config_descriptor]}
        path = f"/v2/{self.repository}/manifests/{self.tag}"
        self.ask((200, 404), "HEAD", path, {"Accept": f"{form}, */*"})
        manifest = json.dumps(content).encode()
        put = self.ask((201,), "PUT", path, {"Content-Type": form}, [manifest])
        expect(put.header("Docker-Content-Digest") == images.digest_of(manifest), f"PUT {path}: {put}")

    def layers(self):
        """Of the next export: some that others have too, and some of its own."""
        return self.random.sample(SHARED_LAYERS, 3) + [
            images.noise(f"{self.number}-{self.rounds}-{layer}", 64 * 1024 + layer) for layer in range(2)
        ]

    def push_blob(self, content):
        digest = images.digest_of(content)
        if self.ask((200, 404), "HEAD", f"/v2/{self.repository}/blobs/{digest}").status == 200:
            return
        begun = self.dialogue.begin(self.repository)
        expect(begun.status == 202, f"POST: {begun}")
        put = self.dialogue.finish(begun.header("Location"), digest, [content])
        expect(put.status == 201, f"PUT of a blob: {put}")


class Importer(Worker):
    def work(self):
        head = self.ask(
            (200,), "HEAD", f"/v2/{self.repository}/manifests/{self.tag}", {"Accept": f"{images.ACCEPT}, */*"}
        )
        digest, form = head.header("Docker-Content-Digest"), head.header("Content-Type")
        got = self.ask((200,), "GET", f"/v2/{self.repository}/manifests/{digest}", {"Accept": f"{form}, */*"})
        expect(got.digest == digest and got.header("Content-Type") == form, f"{digest}, {form}: {got}")
        content = json.loads(got.body)
        layers = content.get("layers") or content["manifests"][:-1]
        named = content.get("config") or content["manifests"][-1]
        config = json.loads(self.blob(named))
        expect(
            [one["blob"] for one in config["layers"]] == [one["digest"] for one in layers],
            f"{digest} is not of one export: {content} with {config}",
        )
        for layer in layers:
            self.blob(layer)

    def blob(self, wanted):
        got = self.ask((200,), "GET", f"/v2/{self.repository}/blobs/{wanted['digest']}")
        expect(
            got.digest == wanted["digest"] and len(got.body) == wanted["size"],
            f"{wanted}: came as {len(got.body)} bytes of {got.digest}",
        )
        return got.body


def run_for(workers, seconds, meanwhile=lambda: None):
    """Runs them until the time is over or one of them found something wrong, which ends the scenario."""
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and all(worker.fault is None for worker in workers):
        meanwhile()
        time.sleep(0.1)
    for worker in workers:
        worker.ended = True
    for worker in workers:
        worker.join(60)
    for worker in workers:
        expect(
            worker.fault is None,
            f"{type(worker).__name__} {worker.number}, round {worker.rounds}: {worker.fault!r}",
        )
    for worker in workers:
        expect(
            worker.rounds > 3,
            f"{type(worker).__name__} {worker.number} was through only {worker.rounds} times",
        )
