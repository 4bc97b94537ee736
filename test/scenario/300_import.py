"""A data folder of the real docker-registry is taken over: what is damaged is named and left behind, what
is whole pulls back identical; and image layouts go out and come in, as skopeo reads and writes them."""

import os
import pathlib
import shutil
import subprocess

from harness import documents, expect, http as web, images, scenario
from harness.breakwater import BINARY
from harness.clients import Skopeo
from harness.pushes import expect_contents, held

LAYER_BYTES = images.MEBI + 77


class Verbs:
    """The verbs that want the data folder for themselves."""

    def __init__(self, breakwater):
        self.breakwater = breakwater

    def run(self, verb, *arguments):
        """Exit status and what it said, without its log."""
        done = subprocess.run(
            [
                str(one)
                for one in [
                    BINARY,
                    verb,
                    *arguments,
                    "--config",
                    self.breakwater.config_file,
                    "--data",
                    self.breakwater.data,
                ]
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def done(self, verb, *arguments, status=0):
        ended, said, errors = self.run(verb, *arguments)
        expect(ended == status, f"{verb} ended with {ended}, not {status}: {said}{errors}")
        return said


class OldFolder:
    """What the registry wrote, to be damaged."""

    def __init__(self, storage):
        self.root = pathlib.Path(storage) / "docker/registry/v2"

    def data(self, digest):
        digits = digest.partition(":")[2]
        return self.root / "blobs/sha256" / digits[:2] / digits / "data"

    def link(self, repository, kind, digest):
        return self.root / "repositories" / repository / kind / "sha256" / digest.partition(":")[2] / "link"


def push_all(hub, old, skopeo):
    """By skopeo, but for the referrer: that one cannot make. What each name should come back as."""
    pushed = {}
    for name, image in {
        "team/app:multi": images.multi_platform("import", LAYER_BYTES),
        "team/app:one": images.single("import-one", [LAYER_BYTES, 4096]),
    }.items():
        hub.push(*name.rsplit(":", 1), image)
        skopeo.copy(f"{hub.address}/{name}", f"{old.address}/{name}", "--all")
        pushed[name] = image
    skopeo.copy(
        f"{hub.address}/team/app:one",
        f"{old.address}/team/packed:zstd",
        "--dest-compress-format",
        "zstd",
        "--dest-compress",
    )
    for victim in ("empty", "short", "rotten", "unlinked"):
        image = images.single(f"victim-{victim}", [LAYER_BYTES])
        hub.push(f"victims/{victim}", "1", image)
        skopeo.copy(f"{hub.address}/victims/{victim}:1", f"{old.address}/victims/{victim}:1")
        pushed[f"victims/{victim}:1"] = image
    image = images.multi_platform("victim-index", 5000)
    hub.push("victims/index", "1", image)
    skopeo.copy(f"{hub.address}/victims/index:1", f"{old.address}/victims/index:1", "--all")
    pushed["victims/index:1"] = image
    signature = images.Image()
    content = {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST,
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "config": signature.add_blob("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [signature.add_blob("application/vnd.dev.sigstore.bundle.v0.3+json", b'{"signed":true}')],
        "subject": pushed["team/app:multi"].top.descriptor(),
    }
    signature.manifests.append(images.Manifest(images.MANIFEST, content))
    old.push("team/app", signature.top.digest, signature)
    web.ask(old.address, "POST", "/v2/team/app/blobs/uploads/")  # and it never ends
    return pushed, signature


def damage(folder, pushed):
    """Five kinds. What must be said of each."""
    layer = lambda name: pushed[f"victims/{name}:1"].manifests[0].content["layers"][0]["digest"]  # noqa: E731
    os.truncate(folder.data(layer("empty")), 0)
    os.truncate(folder.data(layer("short")), 1000)
    rotten = folder.data(layer("rotten"))
    content = bytearray(rotten.read_bytes())
    content[len(content) // 2] ^= 1
    rotten.write_bytes(content)
    folder.link("victims/unlinked", "_layers", layer("unlinked")).unlink()
    child = pushed["victims/index:1"].manifests[0]
    shutil.rmtree(folder.link("victims/index", "_manifests/revisions", child.digest).parent)
    shutil.rmtree(folder.data(child.digest).parent)
    return {
        "empty blob": layer("empty"),
        "short blob": layer("short"),
        "corrupt blob": layer("rotten"),
        "missing link": layer("unlinked"),
        "missing index child": child.digest,
        "orphan upload": "team/app/_uploads/",
    }


def expect_report(said, wanted):
    lines = said.splitlines()
    for what, where in wanted.items():
        expect(
            any(line.startswith(what + ": ") and where in line for line in lines),
            f"no line says {what} {where}:\n{said}",
        )
        expect(f"1 {what}" in lines[-1], f"the summary does not count {what}: {lines[-1]}")
    for name in ("empty", "short", "rotten", "unlinked", "index"):
        expect(
            any(line.startswith(f"skipped: victims/{name}:1: ") for line in lines),
            f"victims/{name}:1 is not named as skipped:\n{said}",
        )
    expect("taken over: 3 tags" in said and "5 tags that are not whole" in said, said)
    expect(lines[-1].startswith("left out: 5; damaged: "), lines[-1])


def expect_tags(address, repository, wanted):
    reply = web.get(address, f"/v2/{repository}/tags/list")
    expect(
        reply.status == (200 if wanted else 404) and (not wanted or reply.json()["tags"] == wanted),
        f"the tags of {repository}: {reply}",
    )


def expect_whole(registry, skopeo, pushed, signature):
    for name in ("team/app:multi", "team/app:one"):
        repository, tag = name.rsplit(":", 1)
        expect(
            held(registry.address, repository, tag).blobs == pushed[name].blobs,
            f"{name} came back with other blobs",
        )
        folder = skopeo.pull(f"{registry.address}/{name}", whole=True)
        for digest, content in pushed[name].blobs.items():
            expect(
                (folder / digest.partition(":")[2]).read_bytes() == content,
                f"{digest} of {name} came back with other bytes",
            )
    expect_contents(held(registry.address, "team/packed", "zstd"), pushed["team/app:one"], "the zstd image")
    skopeo.pull(f"{registry.address}/team/packed:zstd")
    referrers = web.get(
        registry.address, f"/v2/team/app/referrers/{pushed['team/app:multi'].top.digest}"
    ).json()["manifests"]
    expect([one["digest"] for one in referrers] == [signature.top.digest], f"the referrers: {referrers}")
    expect(
        held(registry.address, "team/app", signature.top.digest).blobs == signature.blobs,
        "the referrer came back with other blobs",
    )
    for name in ("empty", "short", "rotten", "unlinked", "index"):
        reply = web.get(registry.address, f"/v2/victims/{name}/manifests/1", {"Accept": images.ACCEPT})
        expect(reply.status == 404, f"victims/{name}:1 is not whole, and is served: {reply}")
    # The other platform of the index whose child is gone stays, by digest.
    part = pushed["victims/index:1"].manifests[1]
    expect(held(registry.address, "victims/index", part.digest).blobs, "the whole part of an index is gone")


def layouts(world, registry, verbs, pushed):
    """Out, through skopeo, and in again."""
    out = world.fresh_folder("layouts")
    said = verbs.done("export", "--route", "private", "--repository", "team/*", "--to", out)
    expect("exported: 3 tags of 2 repositories, 1 referrers" in said, said)
    copy, folder = world.fresh_folder("layout") / "made", world.fresh_folder("dir")
    world.run("skopeo", "--insecure-policy", "copy", "--all", f"oci:{out}/team/app:multi", f"dir:{folder}")
    for digest, content in pushed["team/app:multi"].blobs.items():
        expect(
            (folder / digest.partition(":")[2]).read_bytes() == content,
            f"{digest} came out of the layout with other bytes",
        )
    world.run("skopeo", "--insecure-policy", "copy", f"dir:{folder}", f"oci:{copy}:again", "--all")
    said = verbs.done("import", "--layout", copy, "--route", "private", "--repository", "other/app")
    expect("taken over: 1 tags" in said and "damaged: nothing" in said, said)
    said = verbs.done("import", "--layout", out, "--route", "private")
    expect("here already: 3 tags" in said, said)
    registry.start()
    expect(
        held(registry.address, "other/app", "again").blobs == pushed["team/app:multi"].blobs,
        "what skopeo laid out came in with other blobs",
    )
    Skopeo(world, {}, [registry.address]).pull(f"{registry.address}/other/app:again", whole=True)


def main(world):
    hub, old = world.registry(), world.registry(name="old")
    registry = world.private_registry()
    verbs = Verbs(registry)
    skopeo = Skopeo(world, {}, [hub.address, old.address])
    pushed, signature = push_all(hub, old, skopeo)
    old.stop()
    wanted = damage(OldFolder(old.storage), pushed)

    registry.stop()
    (command,) = documents.blocks("packaging/docs/import-export.md", "Moving in and out")
    _, *words = command.text.replace("/var/lib/registry", str(old.storage)).split()
    said = verbs.done(*words, status=1)
    world.say(said)
    expect_report(said, wanted)
    again = verbs.done("import", "--from", old.storage, "--route", "private", status=1)
    expect(
        "taken over: 0 tags, 0 manifests, 0 referrers, 0 blobs linked, 0 blobs copied" in again,
        f"a second import: {again}",
    )

    registry.start()
    client = Skopeo(world, {}, [registry.address])
    expect_tags(registry.address, "team/app", ["multi", "one"])
    expect_whole(registry, client, pushed, signature)
    # What was linked outlives the folder that it came from.
    shutil.rmtree(old.storage)
    expect_whole(registry, Skopeo(world, {}, [registry.address]), pushed, signature)
    registry.stop()
    layouts(world, registry, verbs, pushed)
    registry.stop()


if __name__ == "__main__":
    scenario(main)
