"""Behind a proxy that speaks TLS, on another port and with another Host, pushes work: every Location is
relative."""

import urllib.parse

from harness import expect, images, scenario
from harness.certificates import Certificate
from harness.clients import Podman, Skopeo
from harness.fronts import Front
from harness.pushes import LAYER_BYTES, expect_contents, held


class Curl:
    """A client that goes where Location says, as a URL relative to the one that it asked."""

    def __init__(self, world, certificate):
        self.world = world
        self.certificate = certificate.certificate
        self.folder = world.fresh_folder("curl")

    def ask(self, method, url, *options):
        """Status and absolute Location of the answer; the Location must be relative."""
        heads = self.folder / "heads"
        status = self.world.run(
            "curl",
            "-sS",
            "-w",
            "%{http_code}",
            "--cacert",
            self.certificate,
            "-X",
            method,
            "-D",
            heads,
            "-o",
            "/dev/null",
            *options,
            url,
        )
        location = next(
            (
                line.partition(":")[2].strip()
                for line in heads.read_text().splitlines()
                if line.lower().startswith("location:")
            ),
            None,
        )
        expect(location is None or location.startswith("/v2/"), f"{method} {url}: Location is {location}")
        return int(status), location and urllib.parse.urljoin(url, location)


def push_with_curl(world, front, certificate, address):
    curl = Curl(world, certificate)
    content = images.noise("curl", LAYER_BYTES)
    file = curl.folder / "blob"
    file.write_bytes(content)
    repository = f"https://{front.address}/v2/team/raw"
    digest = images.digest_of(content)

    status, upload = curl.ask("POST", f"{repository}/blobs/uploads/", "-d", "")
    expect(status == 202 and upload, f"POST: {status}")
    status, upload = curl.ask(
        "PATCH",
        upload,
        "-H",
        "Content-Type: application/octet-stream",
        "-H",
        "Transfer-Encoding: chunked",
        "-T",
        file,
    )
    expect(status == 202 and upload, f"PATCH: {status}")
    status, upload_again = curl.ask("GET", upload)
    expect(status == 204 and upload_again, f"GET of the upload: {status}")
    status, blob = curl.ask(
        "PUT", upload_again + ("&" if "?" in upload_again else "?") + f"digest={digest}", "-d", ""
    )
    expect(status == 201 and blob.endswith(f"/v2/team/raw/blobs/{digest}"), f"PUT: {status} {blob}")
    status, _ = curl.ask("GET", blob)
    expect(status == 200, f"GET of the blob: {status}")
    status, mounted = curl.ask(
        "POST", f"https://{front.address}/v2/team/other/blobs/uploads/?mount={digest}&from=team/raw", "-d", ""
    )
    expect(status == 201 and mounted.endswith(f"/v2/team/other/blobs/{digest}"), f"mount: {status} {mounted}")

    manifest = images.Manifest(
        images.MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": images.MANIFEST,
            "artifactType": "application/vnd.example",
            "layers": [],
            "config": {"mediaType": images.LAYER, "digest": digest, "size": len(content)},
        },
    )
    file.write_bytes(manifest.bytes)
    status, held_at = curl.ask(
        "PUT",
        f"{repository}/manifests/1",
        "-H",
        f"Content-Type: {manifest.media_type}",
        "--data-binary",
        f"@{file}",
    )
    expect(
        status == 201 and held_at.endswith(f"/v2/team/raw/manifests/{manifest.digest}"),
        f"PUT of the manifest: {status} {held_at}",
    )
    expect(held(address, "team/raw", "1").top.digest == manifest.digest, "the manifest is another one")


def main(world):
    hub = world.registry()
    image = images.multi_platform("proxy", LAYER_BYTES)
    hub.push("library/app", "1", image)
    registry = world.private_registry()
    certificate = Certificate(world)
    front = Front(world, registry.address, tls=certificate, host="registry.behind.example")
    push_with_curl(world, front, certificate, registry.address)

    target = f"{front.address}/team/app:1"
    skopeo = Skopeo(world, {}, [hub.address])
    skopeo.copy(f"{hub.address}/library/app:1", target, "--all", "--dest-cert-dir", certificate.authorities)
    expect(
        held(registry.address, "team/app", "1").blobs == image.blobs,
        "skopeo's push through the proxy is another image",
    )
    podman = Podman(
        world, {}, [hub.address, front.address]
    )  # which is insecure for it: a certificate that it does not know
    podman.pull(f"{hub.address}/library/app:1")
    podman.push(f"{hub.address}/library/app:1", f"{front.address}/team/podman:1")
    expect_contents(held(registry.address, "team/podman", "1"), image, "podman's push through the proxy")
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
