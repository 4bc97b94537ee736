"""A data folder that the version before has written, after an orderly stop or a kill, opens, serves all
of it, is whole by `verify`, and goes on: an upload that was begun is finished, and what is pushed anew
stands beside.

The folders are in data/, made by `make()` below, run with BREAKWATER_BEFORE naming that version's binary."""

import os
import pathlib
import subprocess
import tarfile

from harness import expect, http, images, scenario
from harness.breakwater import BINARY, Breakwater, mirror_route, private_route
from harness.registry import push, push_blob, push_manifest

ARCHIVE = pathlib.Path(__file__).resolve().parent / "data" / "folders-0.1.tar.xz"
ENDS = ("clean", "killed")
BEGUN = b"the first half of a layer, "
REST = b"and the second"


def pushed():
    return {"v1": images.single("before", [3_000, 500]), "buildcache": images.single("before-cache", [2_000])}


def mirrored():
    return images.single("before-mirrored", [1_000])


def signature(subject):
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": images.digest_of(b"{}"), "size": 2}
    content = {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST,
        "artifactType": "application/x.signature",
        "config": empty,
        "layers": [empty],
        "subject": subject.descriptor(),
    }
    return images.Manifest(images.MANIFEST, content)


def routes(upstream):
    return [private_route(), mirror_route("dockerhub", "docker.io", upstream)]


def make(world, binary):
    hub = world.registry()
    hub.push("library/app", "1", mirrored())
    with tarfile.open(ARCHIVE, "w:xz") as archive:
        for end in ENDS:
            before = Breakwater(world, routes=routes(hub.url), binary=binary)
            address = before.addresses["private"]
            for tag, image in pushed().items():
                push(address, "team/app", tag, image)
            push_blob(address, "team/app", b"{}")
            signed = signature(pushed()["v1"].top)
            push_manifest(address, "team/app", signed, signed.digest)
            begun = http.ask(address, "POST", "/v2/team/app/blobs/uploads/").header("Location")
            reply = http.ask(address, "PATCH", begun, {"Content-Range": f"0-{len(BEGUN) - 1}"}, BEGUN)
            expect(reply.status == 202, f"the upload: {reply}")
            (before.data / "upload").write_text(begun)
            for path in mirrored().paths("library/app", "1"):
                expect(http.get(before.addresses["dockerhub"], path).status == 200, path)
            before.wait_idle()
            before.stop() if end == "clean" else before.kill()
            for name in ("lock", "control"):
                (before.data / name).unlink(missing_ok=True)
            archive.add(before.data, end)


def expect_all(address, repository, tag, image):
    for path in image.paths(repository, tag):
        reply = http.get(address, path, {"Accept": images.ACCEPT})
        wanted = path.rpartition("/")[2]
        expect(reply.status == 200, f"{path}: {reply}")
        expect(reply.digest == (wanted if ":" in wanted else image.top.digest), f"{path} has other bytes")


def expect_served(now):
    for tag, image in pushed().items():
        expect_all(now.addresses["private"], "team/app", tag, image)
    expect_all(now.addresses["dockerhub"], "library/app", "1", mirrored())
    subject = pushed()["v1"].top
    path = f"/v2/team/app/referrers/{subject.digest}"
    listed = http.get(now.addresses["private"], path).json()["manifests"]
    expect([one["digest"] for one in listed] == [signature(subject).digest], f"the referrers: {listed}")


def finish_upload(now):
    address, content = now.addresses["private"], BEGUN + REST
    path = (now.data / "upload").read_text()
    status = http.get(address, path)
    expect(status.status == 204 and status.header("Range") == f"0-{len(BEGUN) - 1}", f"the upload: {status}")
    digest = images.digest_of(content)
    reply = http.ask(address, "PUT", f"{path}{'&' if '?' in path else '?'}digest={digest}", None, REST)
    expect(reply.status == 201, f"the end of the upload: {reply}")
    expect(http.get(address, f"/v2/team/app/blobs/{digest}").body == content, "what was uploaded")


def verify(now):
    arguments = [str(BINARY), "verify", "--config", str(now.config_file), "--data", str(now.data)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    expect(done.returncode == 0 and b": 0 broken" in done.stdout, f"verify: {done.stdout.decode()}")


def main(world):
    if "BREAKWATER_BEFORE" in os.environ:
        return make(world, pathlib.Path(os.environ["BREAKWATER_BEFORE"]))
    folder = world.fresh_folder("before")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder)
    for end in ENDS:
        # Upstream is away: what the mirror has, it serves.
        now = Breakwater(world, routes=routes("http://127.0.0.1:1"), data=folder / end)
        expect_served(now)
        finish_upload(now)
        image = images.single("after", [1_000])
        push(now.addresses["private"], "team/app", "v2", image)
        now.stop()
        verify(now)
        now.start()
        expect_served(now)
        expect_all(now.addresses["private"], "team/app", "v2", image)
        now.stop()
        world.say(f"a folder of the version before, {end}: opened, served, verified and gone on with")


scenario(main)
