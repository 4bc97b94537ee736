"""The page with users, in a real Chromium: signing in with a wrong and a right password, what a user sees who
may pull from some repositories only, tokens that are made and revoked, signing out, and a session that ends
while one looks."""

from harness import images, scenario
from harness.breakwater import private_route
from harness.browser import browse
from harness.registry import push

PASSWORDS = {"alice": "open sesame", "bob": "let me in"}


def main(world):
    users = world.fresh_folder("users") / "htpasswd"
    users.write_text("".join(world.run("htpasswd", "-Bbn", *one) for one in PASSWORDS.items()))
    access = [
        {"who": ["@ops"], "may": ["pull", "push", "delete"]},
        {"who": ["bob"], "may": ["pull"], "repositories": ["team/*"]},
        {"who": ["127.0.0.0/8"], "may": ["push"]},
    ]
    route = private_route(access=access)
    breakwater = world.breakwater(
        routes=[route],
        settings={
            "users": {"htpasswd_file": str(users), "groups": {"ops": ["alice"]}},
            "admin": {
                "listen": ["127.0.0.1:0"],
                "access": [
                    {"who": ["@ops"], "may": ["look", "administer"]},
                    {"who": ["bob"], "may": ["look"]},
                ],
            },
        },
    )
    for repository in ("team/app", "hidden/app"):
        push(breakwater.addresses["private"], repository, "1", images.single(repository, [60_000]))
    browse(
        world,
        "sign_in_test.mjs",
        breakwater.addresses["admin"],
        REGISTRY=breakwater.addresses["private"],
    )


if __name__ == "__main__":
    scenario(main)
