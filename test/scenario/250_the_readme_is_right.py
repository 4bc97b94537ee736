"""What the documents give for BuildKit, Woodpecker, GitLab CI and GitHub Actions is well formed, says what it
promises, and builds, caches and pushes twice; the README's five lines build, cache and push."""

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
        is_short = recipe.what == "the README" and name == "image-manifest"
        expect(is_short or fields.get(name) == value, f"{recipe.what}: {name}={fields.get(name)}")
    expect(
        recipe.cache_from == f"type=registry,ref={fields['ref']}" and fields["ref"].endswith("amd64"),
        f"{recipe.what}: from {recipe.cache_from} to {recipe.cache_to}",
    )
    registries = {readme.BREAKWATER} if recipe.what == "the README" else {readme.BREAKWATER, readme.HUB}
    expect(
        {name.partition("/")[0] for name in recipe.names} == registries,
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
        makes_a_builder(buildkit, command, readme.PLAIN_HTTP)
    for recipe in recipes:
        well_formed(recipe)
        folder = builds.context(world, variant=recipe.what.replace(" ", ""))
        options = recipe.options(registry.address, hub.address)
        buildkit.build(folder, *options).expect_none_cached(recipe.what)
        buildkit.forget()
        buildkit.build(folder, *options).expect_all_cached(recipe.what)
        buildkit.forget()
        ours = held(registry.address, "example/app", "1.2")
        if len(recipe.names) == 1:
            continue
        theirs = held(hub.address, "example/app", "1.2")
        expect(
            ours.top.digest == theirs.top.digest and ours.blobs == theirs.blobs,
            f"{recipe.what}: two pushes of one image differ",
        )
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
