"""What the scenarios stand on: the real binary, real registries and real clients, each in folders and on
ports of its own.

A scenario is a file with one function and, at its end, `scenario(function)`. It runs in network, mount
and process namespaces of its own: no client can reach a registry outside, no port is taken, and nothing
it started outlives it.

Debian packages: python3 docker-registry apache2-utils openssl nginx containerd runc docker.io podman
skopeo buildah busybox-static iproute2 util-linux e2fsprogs procps curl zstd python3-yaml; and what
test/tools/trixie_clients fetches. It must be run by root."""

from .world import Failure, World, expect, expect_at_most, scenario  # noqa: F401
