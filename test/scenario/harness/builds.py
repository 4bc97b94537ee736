"""What is built: a context that needs no other image and no download, or one that stands on a base of its
own."""

from . import images

STEPS = 2


def context(world, base="scratch", variant=""):
    """A folder with a Dockerfile of two stages; each step writes a file of its own, and `variant` makes its
    steps others than those of the next one."""
    folder = world.fresh_folder("context")
    folder.joinpath("busybox").write_bytes(images.busybox() + variant.encode())
    folder.joinpath("busybox").chmod(0o755)
    folder.joinpath("data").write_bytes(images.noise("context" + variant, images.MEBI))
    tools = [f"FROM {base} AS tools", "COPY busybox /bin/sh", "COPY data /data"] + [
        f"RUN echo tools {variant} {number} > /tools-{number}" for number in range(STEPS)
    ]
    app = [f"FROM {base}", "COPY busybox /bin/sh", "COPY --from=tools /tools-0 /tools"] + [
        f"RUN echo app {variant} {number} > /app-{number}" for number in range(STEPS)
    ]
    folder.joinpath("Dockerfile").write_text("\n".join([*tools, *app, ""]))
    return folder
