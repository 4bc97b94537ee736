"""Repositories that serve only what cosign has signed: an image that is pushed is refused to every client
until somebody who may sign it has, by a tag, as a referrer or as a bundle; a mirror looks for signatures
upstream, and serves nothing that may be unsigned while upstream is away. Nothing else asks the real
cosign."""

from harness import Failure, expect, http, images, scenario, trixie
from harness.breakwater import BINARY, Breakwater, mirror_route, private_route
from harness.clients import Podman, Skopeo
from harness.pushes import LAYER_BYTES

PLAIN = ["--allow-http-registry", "--allow-insecure-registry"]
SIGNED = "https://sigstore.dev/cosign/sign/v1"


class Cosign:
    """cosign with a key pair of its own."""

    def __init__(self, world):
        self.world, self.folder = world, world.fresh_folder("cosign")
        self._environment = trixie.environment(self.folder) | {
            "COSIGN_PASSWORD": "",
            "COSIGN_EXPERIMENTAL": "1",
            "TUF_ROOT": str(self.folder),
        }
        self._login = []
        self("generate-key-pair")
        self.folder.joinpath("predicate.json").write_text("{}")

    def __call__(self, *arguments):
        return self.world.run("env", "-C", self.folder, "cosign", *arguments, env=self._environment)

    @property
    def public_key(self):
        return str(self.folder / "cosign.pub")

    def log_in(self, token):
        self._login = ["--registry-username=ci", f"--registry-password={token}"]

    def sign(self, name, *how):
        how = [*self._login, *how]
        self("sign", "--key", "cosign.key", "--tlog-upload=false", "--yes", *PLAIN, *how, name)

    def attest(self, name, statement, *how):
        how = [*self._login, *how]
        self(
            *["attest", "--key", "cosign.key", "--tlog-upload=false", "--yes", *PLAIN, *how],
            *["--predicate", "predicate.json", "--type", statement, name],
        )

    def verify(self, name):
        self("verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", *PLAIN, name)


def rule(repositories, *cosigns):
    return [{"repositories": repositories, "key_files": [cosign.public_key for cosign in cosigns]}]


def manifest(address, repository, reference):
    return http.get(address, f"/v2/{repository}/manifests/{reference}", {"Accept": images.ACCEPT})


def expect_refused(address, repository, reference, digest):
    refused = manifest(address, repository, reference)
    expect(
        refused.status == 403
        and refused.json()["errors"][0]["code"] == "DENIED"
        and "cosign sign --key cosign.key " in refused.json()["errors"][0]["message"]
        and f"{repository}@{digest}" in refused.json()["errors"][0]["message"],
        f"{repository}:{reference} is not signed, and was answered {refused}",
    )
    head = http.head(address, f"/v2/{repository}/manifests/{reference}", {"Accept": images.ACCEPT})
    expect(head.status == 200, f"HEAD of {repository}:{reference}: {head}")


def expect_served(address, repository, reference):
    served = manifest(address, repository, reference)
    expect(served.status == 200, f"{repository}:{reference} is signed, and was answered {served}")
    return served


def pushed(world, hub, address, repository):
    """The digest of an image for several platforms that was pushed there."""
    skopeo = Skopeo(world, {}, [hub.address, address])
    skopeo.copy(f"{hub.address}/library/app:1", f"{address}/{repository}:1", "--all")
    head = http.head(address, f"/v2/{repository}/manifests/1", {"Accept": images.ACCEPT})
    return head.header("Docker-Content-Digest")


def signed_as_clients_see_it(world, hub, address, cosign, token):
    digest = pushed(world, hub, address, "prod/app")
    expect_refused(address, "prod/app", "1", digest)
    for client in (Skopeo(world, {}, [address]), Podman(world, {}, [address])):
        try:
            client.pull(f"{address}/prod/app:1")
        except Failure as failed:
            expect("because it has no cosign signature" in str(failed), f"what was refused says {failed}")
        else:
            expect(False, f"{client} has pulled what is not signed")
    try:
        cosign.sign(f"{address}/prod/app@{digest}")
    except Failure as failed:
        expect("by a name that may" in str(failed), f"cosign says {failed}")
    else:
        expect(False, "cosign has signed without a name that may")
    cosign.log_in(token)
    cosign.sign(f"{address}/prod/app@{digest}")
    cosign.verify(f"{address}/prod/app@{digest}")
    index = expect_served(address, "prod/app", "1").json()
    for one in index["manifests"]:
        expect_served(address, "prod/app", one["digest"])
    Skopeo(world, {}, [address]).pull(f"{address}/prod/app:1", whole=True)
    Podman(world, {}, [address]).pull(f"{address}/prod/app:1")


def other_ways_to_sign(world, hub, address, cosign, stranger):
    digest = pushed(world, hub, address, "prod/referrer")
    cosign.sign(f"{address}/prod/referrer@{digest}", "--registry-referrers-mode=oci-1-1")
    expect_served(address, "prod/referrer", digest)

    digest = pushed(world, hub, address, "prod/bundle")
    cosign.attest(f"{address}/prod/bundle@{digest}", "https://example.test/report", "--new-bundle-format")
    expect_refused(address, "prod/bundle", "1", digest)
    cosign.attest(f"{address}/prod/bundle@{digest}", SIGNED, "--new-bundle-format")
    expect_served(address, "prod/bundle", digest)

    digest = pushed(world, hub, address, "prod/strange")
    stranger.sign(f"{address}/prod/strange@{digest}")
    stranger.verify(f"{address}/prod/strange@{digest}")
    expect_refused(address, "prod/strange", "1", digest)


def keys_are_changed(breakwater, cosign, stranger):
    """By a reload; a key that is not there changes nothing."""
    registry = next(route for route in breakwater.config["routes"] if "registry" in route)
    registry["require_signature"] = [{"repositories": ["prod/*"], "key_file": "/absent/cosign.pub"}]
    expect(not breakwater.reload(), "it was reloaded with a key that is not there")
    registry["require_signature"] = rule(["prod/*"], stranger)
    expect(breakwater.reload(), "it was not reloaded with another key")
    expect_served(breakwater.addresses["private"], "prod/strange", "1")
    before = manifest(breakwater.addresses["private"], "prod/app", "1")
    expect(before.status == 403, f"the key before still counts: {before}")
    registry["require_signature"] = rule(["prod/*"], stranger, cosign)
    expect(breakwater.reload(), "it was not reloaded with both keys")
    expect_served(breakwater.addresses["private"], "prod/strange", "1")
    expect_served(breakwater.addresses["private"], "prod/app", "1")


def through_a_mirror(world, hub, breakwater, cosign):
    hub.push("prod/app", "1", images.multi_platform("upstream", LAYER_BYTES))
    hub.push("prod/app", "later", images.multi_platform("later", LAYER_BYTES))
    digest = manifest(hub.address, "prod/app", "1").header("Docker-Content-Digest")
    later = manifest(hub.address, "prod/app", "later").header("Docker-Content-Digest")
    cosign.sign(f"{hub.address}/prod/app@{digest}")
    mirror = breakwater.addresses["dockerhub"]
    index = expect_served(mirror, "prod/app", "1").json()
    for one in index["manifests"]:
        expect_served(mirror, "prod/app", one["digest"])
    expect_refused(mirror, "prod/app", "later", later)
    cosign.verify(f"{mirror}/prod/app@{digest}")

    hub.stop()
    breakwater.stop()
    breakwater.start()
    mirror = breakwater.addresses["dockerhub"]
    expect_served(mirror, "prod/app", digest)
    for one in index["manifests"]:
        expect_served(mirror, "prod/app", one["digest"])
    undecided = manifest(mirror, "prod/app", later)
    expect(
        undecided.status == 503 and undecided.header("Retry-After") and b"nobody can tell" in undecided.body,
        f"what may be unsigned, while upstream is away, was answered {undecided}",
    )


def token_that_signs(world, breakwater):
    wish = ["ci", "--may", "pull,push,sign", "--repositories", "prod/*"]
    said = world.run(BINARY, "token", "create", *wish, "--config", breakwater.config_file)
    return said.split()[-1]


def main(world):
    hub = world.registry()
    hub.push("library/app", "1", images.multi_platform("signed", LAYER_BYTES))
    cosign, stranger = Cosign(world), Cosign(world)
    breakwater = Breakwater(
        world,
        routes=[
            mirror_route("dockerhub", "docker.io", hub.url) | {"require_signature": rule(["prod/*"], cosign)},
            private_route(
                require_signature=rule(["prod/*"], cosign),
                access=[{"who": ["127.0.0.0/8"], "may": ["pull", "push"]}],
            ),
        ],
    )
    address = breakwater.addresses["private"]
    token = token_that_signs(world, breakwater)
    signed_as_clients_see_it(world, hub, address, cosign, token)
    stranger.log_in(token)
    other_ways_to_sign(world, hub, address, cosign, stranger)
    keys_are_changed(breakwater, cosign, stranger)
    through_a_mirror(world, hub, breakwater, cosign)
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
