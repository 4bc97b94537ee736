"""The page on 8080 in a real Chromium: each of its pages over real downloads, pushes and mistakes, in light
and dark and at three widths; what strangers have written; a deletion by the keyboard alone; and what it says
while Breakwater is away, and after a restart."""

import json
import subprocess
import threading

from harness import http, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.browser import browse
from harness.dialogue import Dialogue
from harness.registry import push

# What strangers write into every text that is theirs.
SCRIPT = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'
LONG = "a" * 700
TURNED = "\u202edesrever\u202c"
AGENT = SCRIPT + " " + LONG[:200]
SLOW = 150_000  # bytes a second
PAGES = (
    "/",
    "/saved",
    "/transfers",
    "/upstreams",
    "/requests",
    "/disk",
    "/disk?by=repository",
    "/next",
    "/images",
    "/images?q=app",
    "/dockerhub",
    "/private/team/app",
    "/private/team/app:1.0",
    "/dockerhub/library/app:1",
    "/private/hostile/app:1",
    "/caches",
    "/connect",
    "/connect?client=gitlab",
    "/integrity",
    "/doings",
    "/private/no/such:1",
)


def hostile_image():
    """An image whose every text is of a stranger."""
    image = images.Image()
    manifest = image.add_platform("amd64", [("data/0", images.noise("hostile", 30_000))])
    content = json.loads(manifest.bytes)
    config = json.loads(image.blobs[content["config"]["digest"]])
    config["author"] = SCRIPT
    config["config"] = {
        "Cmd": [SCRIPT, LONG],
        "Env": [f"A={SCRIPT}", TURNED],
        "Labels": {SCRIPT: SCRIPT, TURNED: LONG},
        "User": SCRIPT,
    }
    config["history"] = [{"created_by": SCRIPT + LONG, "comment": TURNED}]
    content["config"] = image.add_blob(images.CONFIG, json.dumps(config).encode())
    content["annotations"] = {SCRIPT: SCRIPT, "org.opencontainers.image.title": TURNED + LONG}
    image.manifests[-1] = images.Manifest(images.MANIFEST, content)
    return image


def refers_to(subject):
    """An artifact of a hostile type that refers to it."""
    image = images.Image()
    content = {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST,
        "artifactType": "application/vnd.a" + "b" * 200,
        "config": image.add_blob("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [],
        "subject": subject.descriptor(),
        "annotations": {"x": SCRIPT},
    }
    image.manifests.append(images.Manifest(images.MANIFEST, content))
    return image


def pull(address, image, repository, tag, agent="containerd/1.7.24"):
    for path in image.paths(repository, tag):
        http.get(address, path, {"Accept": images.ACCEPT, "User-Agent": agent})


class Readers:
    """Clients that read one layer through a slow upstream, over and over, each time another."""

    def __init__(self, address, blobs):
        self.ended = False
        self._threads = [
            threading.Thread(target=self._read, args=(f"127.0.0.{2 + number}", address, blobs), daemon=True)
            for number in range(3)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, source, address, blobs):
        for path in blobs:
            if self.ended:
                return
            # It restarts meanwhile; whoever pulls tries again.
            command = ["curl", "-sS", "--interface", source, "--retry", "9", "--retry-connrefused"]
            command += ["-o", "/dev/null", f"http://{address}{path}"]
            subprocess.run(command, stderr=subprocess.DEVNULL)


def main(world):
    hub = world.registry()
    app = images.multi_platform("app", 300_000)
    large = images.single("large", [3_000_000 + number for number in range(12)])
    hub.push("library/app", "1", app)
    hub.push("library/large", "1", large)
    shaper = world.shaper(hub.address, SLOW)
    breakwater = world.breakwater(
        routes=[
            mirror_route("dockerhub", "docker.io", hub.url, bytes_max="200MiB"),
            mirror_route("ghcr", "ghcr.io", shaper.url),
            mirror_route("quay", "quay.io", "http://127.0.0.1:9"),
            private_route(bytes_max="1GiB", registry={"cache_tags": ["*cache*"], "names": []}),
        ],
        settings={"admin": {"listen": ["127.0.0.1:0"]}},
    )
    own = breakwater.addresses["private"]
    for number in range(6):
        push(own, "team/app", f"1.{number}", images.single(f"ours-{number // 2}", [200_000, 90_000]))
    for number in range(300):
        push(own, "team/many", f"v1.{number}", images.single("many", [1_000]))
    for number in range(3):
        push(own, "team/cache", "main-cache", images.single(f"cache-{number}", [150_000, 60_000 + number]))
    hostile = hostile_image()
    push(own, "hostile/app", "1", hostile)
    push(own, "hostile/app", "_" + "x" * 127, hostile)
    push(own, "hostile/" + "/".join(["x" * 40] * 5), "1", images.single("deep", [1_000]))
    push(own, "hostile/app", "refers", refers_to(hostile.top))
    pull(breakwater.addresses["dockerhub"], app, "library/app", "1")
    pull(breakwater.addresses["dockerhub"], app, "library/app", "1", AGENT)
    for address, path in (
        (breakwater.addresses["quay"], "/v2/org/app/manifests/1"),
        (breakwater.addresses["dockerhub"], "/v2/library/none/manifests/1"),
        (own, "/v2/team/app/manifests/none"),
    ):
        http.get(address, path, {"Accept": images.ACCEPT, "User-Agent": AGENT})
    upload = Dialogue(own).begin("team/half")
    layers = [f"/v2/library/large/blobs/{one}" for one in large.blobs]
    http.get(breakwater.addresses["ghcr"], "/v2/library/large/manifests/1", {"Accept": images.ACCEPT})
    readers = Readers(breakwater.addresses["ghcr"], layers)

    def stop(_):
        breakwater.stop()

    def start(_):
        breakwater.config["admin"]["listen"] = [page]
        breakwater.start()

    def upgrade(_):
        breakwater.config["admin"]["listen"] = [page]
        breakwater.take_over()

    def another(_):
        path = f"http://{breakwater.addresses['dockerhub']}/v2/library/app/manifests/1"
        accept = f"Accept: {images.ACCEPT}"
        command = ["curl", "-sS", "--interface", "127.0.0.9", "-H", accept, "-o", "/dev/null"]
        subprocess.run([*command, path], check=True)

    def pull_from_client(_):
        pull(breakwater.addresses["dockerhub"], app, "library/app", "1", "podman/5.0")

    def tags(_):
        return json.dumps(http.get(own, "/v2/team/app/tags/list").json()["tags"])

    page = breakwater.addresses["admin"]
    browse(
        world,
        "pages_test.mjs",
        page,
        {
            "stop": stop,
            "start": start,
            "upgrade": upgrade,
            "pull": pull_from_client,
            "another": another,
            "tags": tags,
        },
        PAGES=json.dumps(PAGES),
        UPLOAD=upload.header("Location"),
    )
    readers.ended = True


scenario(main)
