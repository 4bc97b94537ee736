"""BuildKit exports its cache and, pruned, imports it again, every step CACHED: as image and as index, OCI and
Docker, gzip and zstd."""

from harness import builds, expect, scenario
from harness.buildkit import BuildKit
from harness.fronts import Front
from harness.pushes import held

SMALL_BYTES = 64 * 1024  # of configs

# image-manifest=true is legal with OCI media types alone.
FORMS = {
    "image": "image-manifest=true,oci-mediatypes=true",
    "index": "image-manifest=false,oci-mediatypes=true",
    "docker": "image-manifest=false,oci-mediatypes=false",
    "zstd": "image-manifest=true,oci-mediatypes=true,compression=zstd,force-compression=true",
}


def names_a_cache(manifest):
    """Its config is BuildKit's, or, in an index, one of what should be manifests is."""
    named = [manifest.get("config", {}), *manifest.get("manifests", [])]
    return any(one.get("mediaType") == "application/vnd.buildkit.cacheconfig.v0" for one in named)


def every_form(world, buildkit, address, front):
    for name, form in FORMS.items():
        cache = f"{front.address}/cache/app:{name}"
        folder = builds.context(world, variant=name)
        buildkit.build(folder, "--cache-to", f"type=registry,ref={cache},mode=max,{form}").expect_none_cached(
            f"the first build, {name}"
        )
        expect(names_a_cache(held(address, "cache/app", name).top.content), f"{name} is no cache")
        buildkit.forget()
        front.forget()
        again = [
            "--cache-from",
            f"type=registry,ref={cache}",
            "--cache-to",
            f"type=registry,ref={cache},mode=max,{form}",
        ]
        buildkit.build(folder, *again).expect_all_cached(f"the build after the prune, {name}")
        expect(
            front.uploaded_bytes() < SMALL_BYTES,
            f"{name}: what was imported was exported with its bytes: {front.uploads()}",
        )


def two_variants(world, buildkit, front):
    """On tags of their own in one repository, neither knows of the other."""
    folders = {name: builds.context(world, variant=name) for name in ("debug", "release")}
    caches = {name: f"type=registry,ref={front.address}/cache/variants:cache-{name}" for name in folders}
    for name, folder in folders.items():
        buildkit.build(folder, "--cache-to", f"{caches[name]},mode=max,image-manifest=true")
    buildkit.forget()
    for name, folder in folders.items():
        buildkit.build(folder, "--cache-from", caches[name]).expect_all_cached(f"the variant {name}")
    buildkit.forget()
    other = buildkit.build(folders["debug"], "--cache-from", caches["release"])
    expect(
        len(other.cached) < len(other.steps), f"the cache of another variant served all steps:\n{other.said}"
    )


def push_from_the_cache(world, buildkit, address, front):
    """What was imported and never unpacked is mounted from the cache's repository into the image's: its bytes
    stay where they are."""
    cache = f"type=registry,ref={front.address}/cache/lazy:max"
    folder = builds.context(world, variant="lazy")
    buildkit.build(folder, "--cache-to", f"{cache},mode=max,image-manifest=true,oci-mediatypes=true")
    buildkit.forget()
    front.forget()
    built = buildkit.push(folder, [f"{front.address}/team/lazy:1"], "--cache-from", cache)
    built.expect_all_cached("the build that is pushed")
    expect(
        len(front.mounts()) > builds.STEPS
        and front.uploaded_bytes() < SMALL_BYTES
        and len(front.downloads()) == 1,
        f"an image from the cache was pushed with its bytes: {front.requests()}",
    )
    image = held(address, "team/lazy", "1")
    expect(len(image.blobs) > builds.STEPS, f"the image from the cache has {len(image.blobs)} blobs")


def main(world):
    registry = world.private_registry()
    front = Front(world, registry.address)
    buildkit = BuildKit(world)
    every_form(world, buildkit, registry.address, front)
    two_variants(world, buildkit, front)
    push_from_the_cache(world, buildkit, registry.address, front)
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
