"""Real clients, each with folders of its own: what one pulled, another one does not have.

A pull takes an image by its name in the registry that is mirrored (docker.io/library/app:1 or …@sha256:…); docker.io itself
cannot be reached from here, so a pull succeeds through the mirror or not at all."""

import json

from .world import expect


class Skopeo:
    """Also podman's and buildah's library; copies into a folder."""

    def __init__(self, world, mirrors):
        """`mirrors`: {registry name: host:port}."""
        self.world = world
        self.folder = world.fresh_folder("skopeo")
        self.registries = self.folder / "registries.conf"
        self.registries.write_text(registries_conf(mirrors))

    def pull(self, name, whole=False):
        """`whole`: all platforms."""
        target = self.world.fresh_folder("copy")
        more = ["--all"] if whole else []
        self.world.run("skopeo", "--insecure-policy", "--registries-conf", self.registries, "--override-arch", "amd64", "copy", *more,
                       f"docker://{name}", f"dir:{target}")
        return target


class Podman:
    def __init__(self, world, mirrors):
        self.world = world
        self.folder = world.fresh_folder("podman")
        registries = self.folder / "registries.conf"
        registries.write_text(registries_conf(mirrors))
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self._environment = {"CONTAINERS_REGISTRIES_CONF": str(registries)}
        self._options = ["--root", self.folder / "root", "--runroot", world.run_folder("podman"), "--tmpdir", self.folder / "tmp", "--storage-driver", "vfs",
                         "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        self._policy = policy

    def pull(self, name):
        self.world.run("podman", *self._options, "pull", "--signature-policy", self._policy, "--arch", "amd64", name, env=self._environment)


class Buildah:
    def __init__(self, world, mirrors):
        self.world = world
        self.folder = world.fresh_folder("buildah")
        registries = self.folder / "registries.conf"
        registries.write_text(registries_conf(mirrors))
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self._environment = {"CONTAINERS_REGISTRIES_CONF": str(registries), "BUILDAH_ISOLATION": "chroot"}
        self._options = ["--root", self.folder / "root", "--runroot", world.run_folder("buildah"), "--storage-driver", "vfs"]
        self._policy = policy

    def pull(self, name):
        self.world.run("buildah", *self._options, "pull", "--signature-policy", self._policy, "--arch", "amd64", name, env=self._environment)


class Containerd:
    """containerd with ctr; the mirror by hosts.toml, whose own server is a port where nobody listens."""

    def __init__(self, world, mirrors):
        self.world = world
        self.folder = world.fresh_folder("containerd")
        self.hosts = self.folder / "certs.d"
        for registry, address in mirrors.items():
            host = self.hosts / registry
            host.mkdir(parents=True)
            host.joinpath("hosts.toml").write_text(
                f'server = "http://127.0.0.1:1"\n\n[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n')
        config = self.folder / "config.toml"
        config.write_text("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n")
        run = world.run_folder("containerd")
        self.socket = run / "c.sock"
        self.process = world.start("containerd", ["containerd", "--config", config, "--root", self.folder / "root", "--state", run / "state",
                                                  "--address", self.socket, "--log-level", "warn"])
        world.wait_until(self.socket.exists, "containerd listens")
        world.wait_until(lambda: "Server" in world.run("ctr", "--address", self.socket, "version", check=False), "containerd answers")

    def pull(self, name):
        output = self.world.run("ctr", "--address", self.socket, "images", "pull", "--hosts-dir", self.hosts, "--platform", "linux/amd64", name)
        expect("done" in output, f"ctr images pull {name}: {output}")

    def forget(self, name):
        self.world.run("ctr", "--address", self.socket, "images", "rm", "--sync", name)
        self.world.run("ctr", "--address", self.socket, "content", "prune", "references", check=False)

    def stop(self):
        self.process.kill()


class Dockerd:
    """dockerd with its classic store; the mirror by registry-mirrors, which is for docker.io alone."""

    def __init__(self, world, mirrors):
        self.world = world
        self.folder = world.fresh_folder("dockerd")
        run = world.run_folder("dockerd")
        self.socket = run / "d.sock"
        self.containerd = Containerd(world, {})
        self.process = world.start("dockerd", ["dockerd", "--data-root", self.folder / "data", "--exec-root", run / "exec", "-p", run / "pid",
                                               "-H", f"unix://{self.socket}", "--containerd", self.containerd.socket, "--iptables=false", "--ip6tables=false",
                                               "--bridge=none", "--registry-mirror", f"http://{mirrors['docker.io']}"])
        self._docker = ["docker", "-H", f"unix://{self.socket}"]
        world.wait_until(lambda: self.socket.exists() and "Server Version" in world.run(*self._docker, "info", check=False), "dockerd answers", 30, 0.1)

    def pull(self, name):
        output = self.world.run(*self._docker, "pull", "--platform", "linux/amd64", name)
        expect("Downloaded newer image" in output or "Image is up to date" in output, f"docker pull {name}: {output}")

    def stop(self):
        self.process.kill()
        self.containerd.stop()


def registries_conf(mirrors):
    text = 'unqualified-search-registries = []\nshort-name-mode = "disabled"\n'
    for registry, address in mirrors.items():
        text += f'\n[[registry]]\nprefix = "{registry}"\nlocation = "{registry}"\n\n[[registry.mirror]]\nlocation = "{address}"\ninsecure = true\n'
    return text
