"""Images made from nothing: layers of bytes that a seed determines, so that no run depends on a download."""

import gzip
import hashlib
import io
import json
import pathlib
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ACCEPT = ", ".join(
    [
        INDEX,
        MANIFEST,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
MEBI = 1 << 20


def noise(seed, size):
    """`size` bytes that no compression makes smaller, always the same for the same seed."""
    return hashlib.shake_128(seed.encode()).digest(size)


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _tar(name, content, mode=0o644):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), mode
        archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


class Manifest:
    def __init__(self, media_type, content):
        self._set(media_type, json.dumps(content, separators=(",", ":")).encode())

    def _set(self, media_type, exact):
        self.media_type, self.bytes, self.digest = media_type, exact, digest_of(exact)

    @classmethod
    def held(cls, media_type, exact):
        """One that a registry gave, with its exact bytes."""
        manifest = cls.__new__(cls)
        manifest._set(media_type, exact)
        return manifest

    @property
    def content(self):
        return json.loads(self.bytes)

    def descriptor(self, **more):
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.bytes), **more}


class Image:
    """An image or index with all that it needs. `blobs` maps digest to bytes; `manifests` has children before
    parents, the top one last."""

    def __init__(self):
        self.blobs = {}
        self.manifests = []

    @property
    def top(self):
        return self.manifests[-1]

    def add_blob(self, media_type, content):
        digest = digest_of(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def add_platform(self, architecture, layers):
        """`layers`: pairs of a file name and its content. Returns the platform's manifest."""
        descriptors, diff_ids = [], []
        for name, content in layers:
            tar = _tar(name, content, 0o755)
            diff_ids.append(digest_of(tar))
            descriptors.append(self.add_blob(LAYER, gzip.compress(tar, compresslevel=0, mtime=0)))
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": name} for name, _ in layers],
        }
        manifest = Manifest(
            MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.add_blob(CONFIG, json.dumps(config).encode()),
                "layers": descriptors,
            },
        )
        self.manifests.append(manifest)
        return manifest

    def add_index(self, platforms):
        """`platforms`: pairs of an architecture and its manifest."""
        children = [
            manifest.descriptor(platform={"architecture": architecture, "os": "linux"})
            for architecture, manifest in platforms
        ]
        self.manifests.append(
            Manifest(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": children})
        )
        return self.top

    def paths(self, repository, tag=None):
        """What a client of the first platform asks for, in order."""
        first = self.manifests[0]
        content = json.loads(first.bytes)
        reference = [tag] if tag else []
        digests = [self.top.digest] + ([first.digest] if first is not self.top else [])
        manifests = [f"/v2/{repository}/manifests/{one}" for one in reference + digests]
        return manifests + [
            f"/v2/{repository}/blobs/{one['digest']}" for one in [content["config"], *content["layers"]]
        ]


def busybox():
    """The static one: a shell that needs nothing else."""
    for candidate in ("/bin/busybox", "/usr/bin/busybox"):
        if pathlib.Path(candidate).exists():
            return pathlib.Path(candidate).read_bytes()
    raise FileNotFoundError("busybox-static is not installed")


def multi_platform(seed, layer_bytes=32 * MEBI + 4096):
    """An index of amd64 and arm64; amd64 has busybox and two layers of `layer_bytes`."""
    image = Image()
    amd64 = image.add_platform(
        "amd64",
        [
            ("bin/busybox", busybox() + seed.encode()),
            ("data/one", noise(seed + "-one", layer_bytes)),
            ("data/two", noise(seed + "-two", layer_bytes)),
        ],
    )
    arm64 = image.add_platform("arm64", [("data/small", noise(seed + "-arm64", 100_000))])
    image.add_index([("amd64", amd64), ("arm64", arm64)])
    return image


def single(seed, layer_sizes):
    """One platform's image without an index."""
    image = Image()
    image.add_platform(
        "amd64",
        [(f"data/{number}", noise(f"{seed}-{number}", size)) for number, size in enumerate(layer_sizes)],
    )
    return image
