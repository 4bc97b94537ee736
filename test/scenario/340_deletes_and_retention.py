"""What is deleted, expired or overwritten goes, and what a tag names stays whole for every platform; who
deletes too much is told what needs it. An upload is there for its lease, and is really uploaded again
after it. `gc --dry-run` and `why` say so in words, served or not."""

import json
import os
import subprocess
import time

from harness import expect, http, images, scenario
from harness.breakwater import BINARY
from harness.dialogue import Dialogue
from harness.pushes import held
from harness.registry import push

LEASE_S = 6


class Repository:
    def __init__(self, registry, name):
        self.registry, self.name = registry, name

    def ask(self, method, path, **settings):
        return http.ask(
            self.registry.address, method, f"/v2/{self.name}/{path}", {"Accept": images.ACCEPT}, **settings
        )

    def push(self, tag, image):
        push(self.registry.address, self.name, tag, image)

    def delete(self, reference, status=202):
        reply = self.ask("DELETE", f"manifests/{reference}")
        expect(reply.status == status, f"DELETE of {reference}: {reply}")
        return reply

    def expect_whole(self, tag, image):
        found = held(self.registry.address, self.name, tag)
        expect(found.top.digest == image.top.digest, f"{self.name}:{tag} is {found.top.digest}")
        expect(found.blobs == image.blobs, f"{self.name}:{tag} came with other blobs")

    def upload(self, content):
        """A push as clients make it: it is sent only if it is not there. Whether it was sent."""
        digest = images.digest_of(content)
        if self.ask("HEAD", f"blobs/{digest}").status == 200:
            return False
        dialogue = Dialogue(self.registry.address)
        put = dialogue.finish(dialogue.begin(self.name).header("Location"), digest, [content])
        expect(put.status == 201, f"an upload: {put}")
        dialogue.close()
        return True

    def tags(self):
        return self.ask("GET", "tags/list").json()["tags"]


def is_stored(registry, digest):
    """By its file: to ask for it would lease it."""
    value = digest.partition(":")[2]
    return (registry.data / "blobs" / "sha256" / value[:2] / value).exists()


def platforms(seed):
    image = images.Image()
    children = [
        (
            name,
            image.add_platform(
                name,
                [
                    ("data", images.noise(f"{seed}-{name}", 60_000)),
                    ("shared", images.noise("shared", 30_000)),
                ],
            ),
        )
        for name in ("amd64", "arm64")
    ]
    image.add_index(children)
    return image


def told(registry, *arguments):
    done = subprocess.run(
        [str(one) for one in (BINARY, *arguments, "--config", registry.config_file, "--data", registry.data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    text = done.stdout.decode()
    expect(done.returncode == 0, f"{' '.join(arguments)} ended with {done.returncode}: {text}")
    return text


def expect_words(text, *words):
    for one in words:
        expect(one in text, f"{one!r} is not said in:\n{text}")


def main(world):
    policy = {
        "lease": f"{LEASE_S}s",
        "keep_last": 100,
        "retention": [{"repositories": ["team/one"], "keep_last": 1}],
    }
    registry = world.private_registry(registry=policy)
    one, two, three, four = (Repository(registry, f"team/{name}") for name in ("one", "two", "three", "four"))
    old, new, twice, again = (platforms(seed) for seed in ("old", "new", "twice", "again"))

    one.push("v1", old)
    time.sleep(0.05)
    one.push("v2", new)
    two.push("a", twice)
    two.push("b", twice)
    three.push("v1", again)

    # A child of something that stays, and a layer of it.
    child = new.manifests[0]
    refused = one.delete(child.digest, 405)
    expect_words(refused.body.decode(), child.digest, new.top.digest, "v2")
    layer = child.content["layers"][0]["digest"]
    refused = one.ask("DELETE", f"blobs/{layer}")
    expect(refused.status == 405, f"DELETE of a blob that is needed: {refused}")
    expect_words(refused.body.decode(), child.digest)

    # One of two tags of one digest; an index that is pushed again at once.
    two.delete("a")
    three.delete(again.top.digest)
    expect(three.ask("GET", "manifests/v1").status == 404, "a deleted index has still its tag")
    three.push("v1", again)
    three.expect_whole("v1", again)
    three.delete(again.manifests[0].digest, 405)

    # Nobody's uploads: one is asked for within its lease, the other is not.
    begun = time.monotonic()
    kept, gone = images.noise("kept", 5000), images.noise("gone", 5000)
    expect(four.upload(kept) and four.upload(gone), "blobs that nobody had were not sent")
    expect_words(told(registry, "gc", "--dry-run"), images.digest_of(gone), "no tag and no manifest needs it")
    expect_words(told(registry, "why", images.digest_of(gone)), "leased until")
    expect_words(
        told(registry, "why", layer),
        "in private/team/one",
        f"needed by the manifest {child.digest}",
        f"needed by the manifest {new.top.digest}",
        "tagged v2",
    )
    expect_words(told(registry, "why", "team/one:v2"), f"private/team/one:v2 names {new.top.digest}")
    time.sleep(max(0, begun + LEASE_S - 2 - time.monotonic()))

    def is_kept():
        return four.ask("HEAD", f"blobs/{images.digest_of(kept)}").status == 200

    expect(is_kept(), "an upload is not there within its lease")
    world.wait_until(
        lambda: is_kept() and not is_stored(registry, images.digest_of(gone)),
        "an upload goes when its lease is over",
        30,
        0.5,
    )
    image = images.Image()
    layers = [{"mediaType": images.LAYER, "digest": images.digest_of(kept), "size": len(kept)}]
    manifest = images.Manifest(
        images.MANIFEST,
        {"schemaVersion": 2, "mediaType": images.MANIFEST, "config": layers[0], "layers": layers},
    )
    put = Dialogue(registry.address).put_manifest("team/four", "v1", manifest.media_type, manifest.bytes)
    expect(put.status == 201, f"the manifest of a blob that a HEAD found within the lease: {put}")
    image.blobs[images.digest_of(kept)] = kept
    image.manifests.append(manifest)
    expect(
        four.ask("HEAD", f"blobs/{images.digest_of(gone)}").status == 404,
        "what was collected is said to be there",
    )
    expect(
        four.upload(gone) and is_stored(registry, images.digest_of(gone)),
        "what was collected is not uploaded again",
    )

    # Retention and all leases are through.
    world.wait_until(lambda: one.tags() == ["v2"], "the older tag expires", 30)
    dead = [manifest.digest for manifest in old.manifests] + [
        digest for digest in old.blobs if digest not in new.blobs
    ]
    world.wait_until(
        lambda: not any(is_stored(registry, digest) for digest in dead),
        "all that only the expired tag needed goes",
        40,
    )
    for repository, tag, whole in (
        (one, "v2", new),
        (two, "b", twice),
        (three, "v1", again),
        (four, "v1", image),
    ):
        repository.expect_whole(tag, whole)
    expect(two.tags() == ["b"], f"the tags of team/two are {two.tags()}")

    # By digest the index goes with its tag, and then its children may.
    one.delete(new.top.digest)
    for manifest in new.manifests[:-1]:
        one.delete(manifest.digest)
    world.wait_until(
        lambda: not any(
            is_stored(registry, digest) for digest in [manifest.digest for manifest in new.manifests]
        ),
        "a deleted index and its children go",
        40,
    )
    two.expect_whole("b", twice)  # which has a layer of it
    expect(registry.metric("breakwater_integrity_broken") == 0, "something is broken")

    two.push("newer", platforms("newer"))
    registry.stop()
    said_of_a_folder_that_nobody_serves(registry)
    said_to_root_of_a_folder_behind_roots_own(registry)


def said_of_a_folder_that_nobody_serves(registry):
    policy = registry.config["routes"][0]["registry"]
    policy["keep_last"] = 1
    policy["cache_tags"] = ["new*"]
    registry.config_file.write_text(json.dumps(registry.config))
    plan = told(registry, "gc", "--dry-run")
    expect_words(plan, "now: private/team/two:b (not among the last 1, pushed ", "below it")
    expect_words(plan, "if room is needed: private/team/two:newer (its policy calls it cache; last used ")
    expect_words(
        told(registry, "why", "team/two:newer"),
        "cache: goes when room is needed",
        "private/team/two:newer names ",
    )


def said_to_root_of_a_folder_behind_roots_own(registry):
    """As a service with a dynamic user has it: the folder is another user's, and what is above it is closed
    to that one."""
    owner = 64999
    for path in [registry.data, *registry.data.rglob("*")]:
        os.chown(path, owner, owner, follow_symlinks=False)
    registry.data.parent.chmod(0o700)
    expect_words(told(registry, "why", "team/two:newer"), "private/team/two:newer names ")
    expect_words(told(registry, "gc", "--dry-run"), "now: private/team/two:b ")
    others = [path for path in registry.data.rglob("*") if path.lstat().st_uid != owner]
    expect(not others, f"left behind as root's: {others}")


if __name__ == "__main__":
    scenario(main)
