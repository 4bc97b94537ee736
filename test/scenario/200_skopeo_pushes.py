"""skopeo copies images and whole indexes in, recompressed too, takes over what another repository holds, and
sends nothing twice."""

from harness import expect, images, scenario
from harness.clients import Podman, Skopeo
from harness.fronts import Front
from harness.pushes import LAYER_BYTES, expect_contents, held


def main(world):
    hub = world.registry()
    image = images.multi_platform("skopeo", LAYER_BYTES)
    hub.push("library/app", "1", image)
    registry = world.private_registry()
    front = Front(world, registry.address)
    source, target = f"{hub.address}/library/app:1", f"{front.address}/team/app"
    skopeo = Skopeo(world, {}, [hub.address, front.address])

    skopeo.copy(source, f"{target}:1")
    one = held(registry.address, "team/app", "1")
    expect_contents(one, image, "one platform")
    expect(one.top.digest == image.manifests[0].digest, f"the manifest changed on its way: {one.top.digest}")

    skopeo.copy(source, f"{target}:all", "--all")
    whole = held(registry.address, "team/app", "all")
    expect(
        whole.top.digest == image.top.digest and whole.blobs == image.blobs,
        f"the index is not what was pushed: {whole.top.content}",
    )
    folder = skopeo.pull(f"{target}:all", whole=True)
    for digest, content in image.blobs.items():
        expect(
            (folder / digest.partition(":")[2]).read_bytes() == content,
            f"{digest} came back with other bytes",
        )

    # Compressed on the way, by one who remembers no other form of these layers: it knows no length, and sends
    # chunks.
    Skopeo(world, {}, [hub.address, front.address]).copy(
        source, f"{front.address}/packed/app:1", "--dest-compress-format", "zstd", "--dest-compress"
    )
    packed = held(registry.address, "packed/app", "1")
    expect_contents(packed, image, "the zstd image")
    layers = packed.top.content["layers"]
    expect(
        layers and all(packed.blobs[layer["digest"]].startswith(b"\x28\xb5\x2f\xfd") for layer in layers),
        f"not zstd: {layers}",
    )
    podman = Podman(world, {}, [front.address])
    podman.pull(f"{front.address}/packed/app:1")
    expect(
        podman.content_of(f"{front.address}/packed/app:1") == packed.top.content["config"]["digest"],
        "podman unpacked another image",
    )

    front.forget()
    Skopeo(world, {}, [hub.address, front.address]).copy(source, f"{target}:again", "--all")
    expect(not front.uploads(), f"what is held was sent again: {front.uploads()}")

    # Of the small configs skopeo makes no mounts.
    front.forget()
    skopeo.copy(f"{target}:all", f"{front.address}/other/app:1", "--all")
    layers = {layer["digest"] for manifest in image.manifests[:-1] for layer in manifest.content["layers"]}
    moved = [one for one in front.downloads() if one.target.rpartition("/")[2] in layers]
    expect(
        len(front.mounts()) == len(layers) and front.uploaded_bytes() < LAYER_BYTES // 8 and not moved,
        f"a copy between repositories moved bytes: {front.requests()}",
    )
    expect(
        held(registry.address, "other/app", "1").blobs == image.blobs,
        "the copy between repositories is another one",
    )
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
