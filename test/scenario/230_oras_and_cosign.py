"""oras attaches artifacts and finds them by the referrers API; cosign signs, attests and verifies, by tags
and by referrers, without any service."""

import json

from harness import expect, http, images, scenario, trixie
from harness.clients import Skopeo
from harness.pushes import LAYER_BYTES, held

SBOM, REPORT = "application/vnd.example.sbom", "application/vnd.example.report"


class Tool:
    """oras or cosign, in a folder of its own."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.folder = world.fresh_folder(name)
        self._environment = trixie.environment(self.folder) | {
            "COSIGN_PASSWORD": "",
            "COSIGN_EXPERIMENTAL": "1",
            "TUF_ROOT": str(self.folder),
        }

    def __call__(self, *arguments):
        return self.world.run("env", "-C", self.folder, self.name, *arguments, env=self._environment)


def fallback_tags(address, repository):
    """The tags by which clients help themselves where there is no referrers API."""
    tags = http.get(address, f"/v2/{repository}/tags/list").json()["tags"]
    return [tag for tag in tags if tag.startswith("sha256-") and not tag.endswith((".sig", ".att"))]


def artifacts(world, address):
    oras = Tool(world, "oras")
    name = f"{address}/artifacts/app"
    for file in ("app.bin", "sbom.json", "report.json"):
        oras.folder.joinpath(file).write_bytes(images.noise(file, 300_000))
    oras("push", "--plain-http", f"{name}:1", "app.bin:application/octet-stream")
    subject = held(address, "artifacts/app", "1").top.digest
    oras("attach", "--plain-http", "--artifact-type", SBOM, f"{name}:1", "sbom.json:application/json")
    oras(
        "attach",
        "--plain-http",
        "--artifact-type",
        REPORT,
        f"{name}@{subject}",
        "report.json:application/json",
    )

    index = http.get(address, f"/v2/artifacts/app/referrers/{subject}")
    expect(
        index.status == 200
        and sorted(one["artifactType"] for one in index.json()["manifests"]) == [REPORT, SBOM],
        f"referrers: {index}",
    )
    filtered = http.get(address, f"/v2/artifacts/app/referrers/{subject}?artifactType={SBOM}")
    expect(
        [one["artifactType"] for one in filtered.json()["manifests"]] == [SBOM]
        and filtered.header("OCI-Filters-Applied") == "artifactType",
        f"filtered: {filtered}",
    )
    found = json.loads(oras("discover", "--plain-http", "--format", "json", f"{name}:1"))
    expect(
        sorted(one["artifactType"] for one in found["manifests"]) == [REPORT, SBOM], f"oras discover: {found}"
    )
    expect(
        not fallback_tags(address, "artifacts/app"),
        f"oras did not believe in the referrers API: {fallback_tags(address, 'artifacts/app')}",
    )

    sbom = next(one["digest"] for one in found["manifests"] if one["artifactType"] == SBOM)
    oras("pull", "--plain-http", "--output", "back", f"{name}@{sbom}")
    expect(
        oras.folder.joinpath("back/sbom.json").read_bytes() == images.noise("sbom.json", 300_000),
        "the SBOM came back as another",
    )
    oras(
        "cp",
        "--from-plain-http",
        "--to-plain-http",
        "--recursive",
        f"{name}:1",
        f"{address}/artifacts/copy:1",
    )
    copied = http.get(address, f"/v2/artifacts/copy/referrers/{subject}").json()["manifests"]
    expect(len(copied) == 2, f"the copy's referrers: {copied}")

    oras("manifest", "delete", "--plain-http", "--force", f"{name}@{sbom}")
    left = http.get(address, f"/v2/artifacts/app/referrers/{subject}").json()["manifests"]
    expect([one["artifactType"] for one in left] == [REPORT], f"referrers after a delete: {left}")


def signatures(world, hub, address):
    Skopeo(world, {}, [hub.address, address]).copy(
        f"{hub.address}/library/app:1", f"{address}/signed/app:1", "--all"
    )
    digest = held(address, "signed/app", "1").top.digest
    cosign = Tool(world, "cosign")
    cosign("generate-key-pair")
    plain = ["--allow-http-registry", "--allow-insecure-registry"]
    quietly = ["--key", "cosign.key", "--tlog-upload=false", "--yes", *plain]
    verifying = ["--key", "cosign.pub", "--insecure-ignore-tlog=true", *plain]
    name = f"{address}/signed/app@{digest}"

    cosign("sign", *quietly, name)
    held(address, "signed/app", digest.replace(":", "-") + ".sig")
    cosign("verify", *verifying, name)
    cosign.folder.joinpath("predicate.json").write_text('{"made": "here"}')
    cosign("attest", *quietly, "--predicate", "predicate.json", "--type", "custom", name)
    cosign("verify-attestation", *verifying, "--type", "custom", name)
    expect(".sig" in cosign("tree", *plain, name), "cosign tree shows no signature")

    cosign("sign", *quietly, "--registry-referrers-mode=oci-1-1", name)
    referrers = http.get(address, f"/v2/signed/app/referrers/{digest}").json()["manifests"]
    expect(
        len(referrers) == 1 and not fallback_tags(address, "signed/app"),
        f"the signature is no referrer: {referrers}, {fallback_tags(address, 'signed/app')}",
    )
    cosign("verify", *verifying, "--experimental-oci11", name)


def main(world):
    hub = world.registry()
    hub.push("library/app", "1", images.multi_platform("signed", LAYER_BYTES))
    registry = world.private_registry()
    signatures(world, hub, registry.address)
    artifacts(world, registry.address)
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
