"""Upstreams with htpasswd and with tokens: Breakwater logs in with its own credentials; clients need none,
and no secret reaches a log."""

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route
from harness.registry import TokenServer


def expect_whole(address, image, what):
    for path in image.paths("library/app", "1"):
        reply = http.get(address, path, {"Accept": images.ACCEPT})
        expect(reply.status == 200 and not reply.cut, f"{what}: {path}: {reply}")
        if "sha256:" in path:
            expect(path.endswith(reply.digest), f"{what}: {path} is not right")


def main(world):
    image = images.multi_platform("credentials", 2 * images.MEBI)
    hub = world.registry()
    hub.push("library/app", "1", image)
    basic = world.registry(
        storage=hub.storage, auth=("htpasswd", "me", "swordfish-one"), name="htpasswd-registry"
    )
    anyone = TokenServer(world)
    users = TokenServer(world, credentials=("me", "swordfish-two"))
    for_anyone = world.registry(storage=hub.storage, auth=anyone, name="token-registry")
    for_users = world.registry(storage=hub.storage, auth=users, name="token-user-registry")
    secrets = world.fresh_folder("secrets")
    for number, secret in enumerate(("swordfish-one", "swordfish-two", "wrong")):
        (secrets / str(number)).write_text(secret + "\n")

    def login(number, realm=None):
        """`realm` is on another port than its registry, so it has to be named."""
        named = [realm.url.split("/")[2]] if realm else []
        return {"username": "me", "password_file": str(secrets / str(number)), "token_realms": named}

    breakwater = world.breakwater(
        routes=[
            mirror_route("basic", "basic.example", basic.url, **login(0)),
            mirror_route("anyone", "anyone.example", for_anyone.url),
            mirror_route("users", "users.example", for_users.url, **login(1, users)),
            mirror_route("refused", "refused.example", for_users.url, **login(2, users)),
        ]
    )
    expect_whole(breakwater.addresses["basic"], image, "htpasswd")
    expect_whole(breakwater.addresses["anyone"], image, "anonymous tokens")
    expect_whole(breakwater.addresses["users"], image, "tokens for a user")
    expect(
        all(authorization is None for _, authorization in anyone.asked),
        "credentials went to a token server that has none",
    )
    expect(len(anyone.asked) <= 2, f"{len(anyone.asked)} tokens were fetched for one repository")

    refused = http.get(
        breakwater.addresses["refused"], "/v2/library/app/manifests/1", {"Accept": images.ACCEPT}
    )
    expect(refused.status == 404 and b"NAME_UNKNOWN" in refused.body, f"wrong credentials: {refused}")
    expect(refused.header("WWW-Authenticate") is None, "a client was asked to log in")
    for secret in ("swordfish-one", "swordfish-two", "Bearer ey", "Basic "):
        expect(secret not in breakwater.process.text(), f"{secret!r} is in the log")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
