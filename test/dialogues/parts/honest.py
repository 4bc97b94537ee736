"""Honest clients: what they push comes back byte for byte, and a mirror gives what its upstream has."""

import collections
import itertools

from . import content, steps
from .clients import HonestClient, expect

KEPT_TAGS = 6  # older ones are deleted


class Registrar(HonestClient):
    """Pushes images into repositories of its own, in all ways, reads all of it back, and removes some."""

    def __init__(self, crew, name, source, address):
        super().__init__(crew, name, source)
        self.to(address)
        self.repository, self.second = f"honest/{name}", f"honest/{name}/second"
        self.tags = collections.deque()
        self.pushed = {}  # tag: the image

    def round_once(self, chance):
        tag = f"{chance.choice('abc')}-{self.rounds}"
        image = content.make_image(f"{self.crew.seed} {self.name} {self.rounds}")
        steps.push_image(self, chance, self.repository, tag, image)
        self.tags.append(tag)
        self.pushed[tag] = image
        self.expect_image(chance, self.repository, tag, image)
        chance.choice((self.refer, self.move, self.list, self.cancel, self.range))(chance, tag, image)
        old = chance.choice(list(self.tags))
        self.expect_image(chance, self.repository, old, self.pushed[old])
        if len(self.tags) > KEPT_TAGS:
            self.remove(chance)

    def expect_image(self, chance, repository, tag, image):
        manifests, blobs = steps.pull_image(self, chance, repository, tag)
        expect(
            manifests == {one.digest: one.bytes for one in image.manifests} and blobs == image.blobs,
            f"{repository}:{tag}: {sorted(manifests)}, {sorted(blobs)} is not what was pushed",
        )

    def refer(self, chance, tag, image):
        signature = content.make_referrer(f"{self.name} {self.rounds}", image.top)
        steps.push_image(self, chance, self.repository, None, signature)
        for artifact_type in (None, content.SIGNATURE):
            found = steps.list_referrers(self, self.repository, image.top.digest, artifact_type)
            expect(found == [signature.top.digest], f"referrers of {image.top.digest}: {found}")
        self.expect_image(chance, self.repository, signature.top.digest, signature)

    def move(self, chance, tag, image):
        """Into another repository, without a byte of a blob."""
        for digest in image.blobs:
            steps.mount_blob(self, chance, self.second, self.repository, digest)
        for manifest in image.manifests:
            steps.put_manifest(self, self.second, manifest.digest, manifest)
        steps.put_manifest(self, self.second, "moved", image.top)
        self.expect_image(chance, self.second, "moved", image)

    def list(self, chance, tag, image):
        for page in (None, 1, 3, 1000):
            found = steps.list_tags(self, self.repository, page)
            expect(found == sorted(self.tags), f"tags by {page}: {found}, pushed: {sorted(self.tags)}")

    def cancel(self, chance, tag, image):
        name = f"{self.crew.seed} cancelled {self.name} {self.rounds}"
        steps.cancel_upload(self, chance, self.repository, content.blob(name), None)

    def range(self, chance, tag, image):
        for digest, body in image.blobs.items():
            if body:
                reply, first, end = steps.get_range(self, chance, self.repository, digest, len(body))
                expect(reply.body == body[first:end], f"{first} to {end} of {digest}: {reply}")

    def remove(self, chance):
        tag = self.tags.popleft()
        image = self.pushed.pop(tag)
        if chance.random() < 0.5:
            steps.delete(self, self.repository, tag, (202,))
        else:
            # 405: something else needs it. The tag then goes alone.
            reference = image.top.digest
            steps.delete(self, self.repository, reference, (202,))
        self.ask(steps.Request("GET", f"/v2/{self.repository}/manifests/{tag}", [steps.ACCEPT]), (404,))


class Joint:
    """What several clients pull at about the same time: a new image each so many pulls, and old ones."""

    def __init__(self, folder, pulls_each):
        self._folder, self._pulls_each = folder, pulls_each
        self._count = itertools.count()

    def next(self, chance):
        """(repository, tag)"""
        number = next(self._count) // self._pulls_each
        if chance.random() < 0.3:
            number = chance.randint(0, number)
        private = "private-" if number % 3 == 0 else ""
        return f"{self._folder}{private}{number}", chance.choice(content.UPSTREAM_TAGS)


class Puller(HonestClient):
    """Pulls from a mirror whose upstream answers right, whole images and ranges. `settings` are a
    HonestClient's."""

    def __init__(self, crew, name, source, address, joint, **settings):
        super().__init__(crew, name, source, **settings)
        self.to(address)
        self.joint = joint

    def round_once(self, chance):
        repository, tag = self.joint.next(chance)
        image = content.upstream_image(repository, tag)
        if chance.random() < 0.2:
            digest, body = chance.choice(list(image.blobs.items()))
            # Nothing vouches for a range of what is on its way, perhaps from an upstream of another route.
            if body and not self.asks_again:
                # All of it comes where upstream has not told the size.
                reply, first, end = steps.get_range(
                    self, chance, repository, digest, len(body), wanted=(200, 206)
                )
                due = body if reply.status == 200 else body[first:end]
                expect(reply.body == due, f"{first} to {end} of {digest}: {reply}")
            return
        manifests, blobs = steps.pull_image(self, chance, repository, tag)
        expect(
            manifests == {one.digest: one.bytes for one in image.manifests} and blobs == image.blobs,
            f"{repository}:{tag}: {sorted(manifests)}, {sorted(blobs)} is not what upstream has",
        )
        if chance.random() < 0.2:
            found = steps.list_tags(self, repository)
            expect(found == list(content.UPSTREAM_TAGS), f"{repository}: tags {found}")
            steps.list_referrers(self, repository, image.top.digest)
