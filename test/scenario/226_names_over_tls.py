"""Every client logs in over TLS with a private authority, pushes, pulls and exports its cache by its name,
and is told what it may not: at a registry where nothing is anonymous, and at one where some is."""

import base64

from harness import builds, expect, images, scenario, trixie
from harness.breakwater import BINARY, Breakwater
from harness.certificates import Certificate
from harness.named import Ctr, Docker20, Docker26, NamedBuildKit, Oras, Podman, Skopeo, trust

OUTSIDE = "10.20.30.40"  # no client takes it for plain HTTP by itself
ALICE, BOB = ("alice", "open-sesame-7351"), ("bob", "let-me-in-9917")
WRONG = ("alice", "guessed-4242")
LAYER_BYTES = 300_000
EVERYTHING = ["pull", "push", "delete"]
RULES = {
    "closed": [
        {"who": ["@ci"], "may": EVERYTHING, "repositories": ["team/*", "cache/*"]},
        {"who": ["bob"], "may": ["pull"]},
    ],
    "mixed": [
        {"who": ["@ci"], "may": EVERYTHING},
        {"who": ["anonymous"], "may": ["pull"], "repositories": ["team/*"]},
    ],
}


def start(world, certificate):
    world.run("ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo")
    users = world.fresh_folder("users") / "htpasswd"
    lines = [world.run("htpasswd", "-Bbn", *who).strip() for who in (ALICE, BOB)]
    users.write_text("\n".join(lines) + "\n")
    users.chmod(0o600)
    tls = {"certificate": str(certificate.certificate), "key": str(certificate.key)}
    routes = [
        {"name": name, "listen": [f"{OUTSIDE}:0"], "registry": {}, "tls": tls, "access": rules}
        for name, rules in RULES.items()
    ]
    settings = {"users": {"htpasswd_file": str(users), "groups": {"ci": ["alice"]}}}
    return Breakwater(world, routes=routes, settings=settings)


def expect_said(said, text, what):
    printed = " ".join(said.printed.split())
    expect(said.status != 0, f"{what} went well: {printed}")
    expect(text in printed, f"{what} did not print {text!r}: {printed}")


def expect_well(said, what):
    expect(said is None or said.status == 0, f"{what}: {said and said.printed}")


def tell(what, said):
    """What people read."""
    print(f"{what}: {' '.join(said.printed.split())[-300:]}", flush=True)


def is_refused(client, address, source, name, what):
    """Whichever comes first, the login or what is done by it; what was printed."""
    said = client.login(address, *name)
    if said is None or said.status == 0:
        said = client.try_push(source, f"{address}/team/refused:1", False)
    expect(said.status != 0, f"{client.label}: {what} is taken: {said.printed}")
    expect(name[1] not in said.printed, f"{client.label} prints the secret: {said.printed}")
    tell(what, said)


def client_story(client, address, source, is_closed, expired):
    """At one route. `source` is what the client holds, to push it from."""
    what = f"{client.label} at {'closed' if is_closed else 'mixed'}"
    target = f"{address}/team/{client.label.replace(' ', '-').lower()}:1"
    is_refused(client, address, source, WRONG, f"a wrong password, {what}")
    is_refused(client, address, source, ("ci", expired), f"an expired token, {what}")
    client.logout(address)
    expect(client.try_push(source, target, False).status != 0, f"{what} pushes without a name")
    expect_well(client.login(address, *ALICE), f"{what}: login")
    expect_well(client.try_push(source, target, False), f"{what}: push")
    expect_well(client.try_pull(target, False), f"{what}: pull")
    expect_well(client.login(address, *BOB), f"{what}: login as bob")
    refused = client.try_push(source, f"{address}/team/bob:1", False)
    why = "bob may not push to team/bob" if client.SAYS_WHY else ""
    expect_said(refused, why, f"{what}: a push without the right")
    tell(f"a push without the right, {what}", refused)
    client.logout(address)
    anonymous = client.try_pull(target, False)
    if is_closed:
        expect(anonymous.status != 0, f"{what}: a pull without a name: {anonymous.printed}")
    else:
        expect_well(anonymous, f"{what}: a pull without a name")


def short_token(world, breakwater):
    wish = ["old", "--may", "pull,push", "--expires", "1m", "--config", breakwater.config_file]
    return world.run(BINARY, "token", "create", *wish).split()[-1]


def wait_expired(world, certificate, address, token):
    basic = base64.b64encode(f"ci:{token}".encode()).decode()
    ask = ["curl", "-sS", "--cacert", certificate.certificate, "-H", f"Authorization: Basic {basic}"]
    world.wait_until(
        lambda: "has expired" in world.run(*ask, f"https://{address}/v2/"), "the token has expired", 90, 0.5
    )


def cache_story(world, address):
    buildkit = NamedBuildKit(world)
    cache = f"type=registry,ref={address}/cache/app:buildcache"
    expect_well(buildkit.login(address, *ALICE), "BuildKit: login")
    folder = builds.context(world)
    buildkit.build(folder, "--cache-to", f"{cache},mode=max,image-manifest=true,oci-mediatypes=true")
    buildkit.forget()
    buildkit.build(folder, "--cache-from", cache).expect_all_cached("after the prune, by name")
    buildkit.stop()


def token_story(world, breakwater, address):
    """As a CI machine has it, of `breakwater token create`."""
    verb = [BINARY, "token"]
    more = ["--config", breakwater.config_file]
    said = world.run(*verb, "create", "ci", "--may", "pull,push", "--repositories", "cache/*", *more)
    token = said.split()[-1]
    skopeo = Skopeo(world, [world.hub_image.split("/")[0]])
    expect_well(skopeo.login(address, "ci", token), "skopeo: login with a token")
    source = world.hub_image
    expect_well(skopeo.try_push(source, f"{address}/cache/token:1", False), "a push with a token")
    elsewhere = skopeo.try_push(source, f"{address}/team/token:1", False)
    expect_said(elsewhere, "", "a push beyond the token")  # it asks by HEAD, and prints no reason of that
    breakwater.wait_event(
        lambda event: event.get("reason", "").startswith("token ci was not made to pull from team/token"),
        "the log says that the token was not made for it",
    )
    world.run(*verb, "revoke", "ci", *more)
    revoked = skopeo.try_push(source, f"{address}/cache/token:2", False)
    expect_said(revoked, "unauthorized", "a push with a revoked token")
    breakwater.wait_event(
        lambda event: event.get("reason", "").startswith("the token ci was revoked"),
        "the log says that the token was revoked",
    )


def main(world):
    certificate = Certificate(world, OUTSIDE)
    world.secrets.add(WRONG[1])
    breakwater = start(world, certificate)
    addresses = {name: breakwater.addresses[name] for name in RULES}
    expired = short_token(world, breakwater)
    trust(world, certificate, addresses.values())
    hub = world.registry()
    hub.push("library/app", "1", images.single("names", [LAYER_BYTES]))
    world.hub_image = f"{hub.address}/library/app:1"
    fetched = trixie.environment(world.fresh_folder("trixie"))
    cache_story(world, addresses["closed"])
    token_story(world, breakwater, addresses["closed"])
    wait_expired(world, certificate, addresses["closed"], expired)
    makers = (Docker20, Docker26, Podman, Skopeo, Ctr, lambda *of: Ctr(*of, fetched))
    for make in makers:
        client = make(world, [hub.address])
        if isinstance(client, Ctr):
            client.trust(certificate, addresses.values())
        expect_well(client.try_pull(world.hub_image, True), f"{client.label}: what it has to push")
        for name, address in addresses.items():
            client_story(client, address, world.hub_image, name == "closed", expired)
        if hasattr(client, "stop"):
            client.stop()
    for name, address in addresses.items():
        client_story(Oras(world, certificate), address, None, name == "closed", expired)
    world.run(BINARY, "status", "--config", breakwater.config_file)  # where secrets are looked for too
    named = [event for event in breakwater.events() if event.get("user") == "alice"]
    expect(named, "no line of the log says that it was alice")
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
