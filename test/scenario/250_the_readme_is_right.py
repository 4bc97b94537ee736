"""What the README gives for BuildKit, Woodpecker, GitLab CI and GitHub Actions is well formed, says what it
promises, and builds, caches and pushes twice."""

from harness import builds, expect, readme, scenario
from harness.buildkit import BuildKit
from harness.pushes import held


def well_formed(recipe):
    """Plain HTTP for Breakwater alone; a tag for a variant; a cache that holds all stages, as an image, and
    fails no build."""
    expect(
        recipe.config == {"registry": {readme.BREAKWATER: {"http": True}}}, f"{recipe.what}: {recipe.config}"
    )
    fields = dict(one.split("=") for one in recipe.cache_to.split(","))
    for name, value in (
        ("type", "registry"),
        ("mode", "max"),
        ("image-manifest", "true"),
        ("ignore-error", "true"),
    ):
        expect(fields.get(name) == value, f"{recipe.what}: {name}={fields.get(name)}")
    expect(
        recipe.cache_from == f"type=registry,ref={fields['ref']}" and "cache-amd64" in fields["ref"],
        f"{recipe.what}: from {recipe.cache_from} to {recipe.cache_to}",
    )
    expect(
        {name.partition("/")[0] for name in recipe.names} == {readme.BREAKWATER, readme.HUB},
        f"{recipe.what} pushes to {recipe.names}",
    )


def makes_a_builder(buildkit, command, toml):
    """As far as it goes without the image of a builder: buildx takes the command and the file."""
    file = buildkit.folder / "buildkitd.toml"
    file.write_text(toml)
    expect(command[:3] == ["docker", "buildx", "create"], f"{command}")
    words = [
        {"buildkitd.toml": file, "ci": "tried", "dind": "default"}.get(word, word)
        for word in command[1:]
        if word != "--use"
    ]
    buildkit.docker(*words)
    buildkit.docker("buildx", "rm", "tried")


def main(world):
    recipes, creates = readme.recipes()
    hub = world.registry()
    registry = world.private_registry()
    buildkit = BuildKit(world)
    for command in creates:
        makes_a_builder(buildkit, command, '[registry."breakwater.internal:5050"]\n  http = true\n')
    for recipe in recipes:
        well_formed(recipe)
        folder = builds.context(world, variant=recipe.what.replace(" ", ""))
        options = recipe.options(registry.address, hub.address)
        buildkit.build(folder, *options).expect_none_cached(recipe.what)
        buildkit.forget()
        buildkit.build(folder, *options).expect_all_cached(recipe.what)
        buildkit.forget()
        ours, theirs = held(registry.address, "example/app", "1.2"), held(hub.address, "example/app", "1.2")
        expect(
            ours.top.digest == theirs.top.digest and ours.blobs == theirs.blobs,
            f"{recipe.what}: two pushes of one image differ",
        )
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
