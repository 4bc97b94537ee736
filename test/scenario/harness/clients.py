"""Real clients, each with folders of its own: what one pulled, another one does not have.

A pull takes an image by its name in the registry that is mirrored (docker.io/library/app:1 or
…@sha256:…); docker.io itself cannot be reached from here, so a pull succeeds through the mirror or not at
all. `plain` are addresses of registries that are meant themselves (127.0.0.1:5050/team/app:1), over plain
HTTP. `content_of` a name is the digest by which the client knows what it holds."""

import json

from .world import expect


class Skopeo:
    """Also podman's and buildah's library; copies into a folder."""

    def __init__(self, world, mirrors, plain=()):
        """`mirrors`: {registry name: host:port}."""
        self.world = world
        self.folder = world.fresh_folder("skopeo")
        self.registries = self.folder / "registries.conf"
        self.registries.write_text(registries_conf(mirrors, plain))

    def pull(self, name, whole=False):
        """`whole`: all platforms."""
        target = self.world.fresh_folder("copy")
        more = ["--all"] if whole else []
        self.world.run(
            *of_its_own(self.folder),
            "skopeo",
            "--insecure-policy",
            "--registries-conf",
            self.registries,
            "--override-arch",
            "amd64",
            "copy",
            *more,
            f"docker://{name}",
            f"dir:{target}",
        )
        return target

    def copy(self, source, target, *options):
        """From one registry into another."""
        return self.world.run(
            *of_its_own(self.folder),
            "skopeo",
            "--insecure-policy",
            "--registries-conf",
            self.registries,
            "--override-arch",
            "amd64",
            "copy",
            *options,
            f"docker://{source}",
            f"docker://{target}",
        )


class Podman:
    def __init__(self, world, mirrors, plain=()):
        self.world = world
        self.folder = world.fresh_folder("podman")
        registries = self.folder / "registries.conf"
        registries.write_text(registries_conf(mirrors, plain))
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self._environment = {"CONTAINERS_REGISTRIES_CONF": str(registries)}
        self._options = [
            "--root",
            self.folder / "root",
            "--runroot",
            world.run_folder("podman"),
            "--tmpdir",
            self.folder / "tmp",
            "--storage-driver",
            "vfs",
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "none",
        ]
        self._policy = policy

    def pull(self, name):
        self.world.run(
            *of_its_own(self.folder),
            "podman",
            *self._options,
            "pull",
            "--signature-policy",
            self._policy,
            "--arch",
            "amd64",
            name,
            env=self._environment,
        )

    def push(self, name, target):
        self.world.run(
            *of_its_own(self.folder),
            "podman",
            *self._options,
            "push",
            "--signature-policy",
            self._policy,
            name,
            f"docker://{target}",
            env=self._environment,
        )

    def content_of(self, name):
        said = self.world.run(
            *of_its_own(self.folder),
            "podman",
            *self._options,
            "image",
            "inspect",
            "--format",
            "{{.Id}}",
            name,
            env=self._environment,
        )
        return "sha256:" + said.split()[-1]  # after warnings, if there are any


class Buildah:
    def __init__(self, world, mirrors, plain=()):
        self.world = world
        self.folder = world.fresh_folder("buildah")
        registries = self.folder / "registries.conf"
        registries.write_text(registries_conf(mirrors, plain))
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self._environment = {"CONTAINERS_REGISTRIES_CONF": str(registries), "BUILDAH_ISOLATION": "chroot"}
        self._options = [
            "--root",
            self.folder / "root",
            "--runroot",
            world.run_folder("buildah"),
            "--storage-driver",
            "vfs",
        ]
        self._policy = policy

    def pull(self, name):
        self.world.run(
            *of_its_own(self.folder),
            "buildah",
            *self._options,
            "pull",
            "--signature-policy",
            self._policy,
            "--arch",
            "amd64",
            name,
            env=self._environment,
        )

    def push(self, name, target):
        self.world.run(
            *of_its_own(self.folder),
            "buildah",
            *self._options,
            "push",
            "--signature-policy",
            self._policy,
            name,
            f"docker://{target}",
            env=self._environment,
        )

    def build(self, folder, *options):
        """What it said. The limits are those that a process without CAP_SYS_RESOURCE may set."""
        return self.world.run(
            *of_its_own(self.folder),
            "buildah",
            *self._options,
            "bud",
            "--signature-policy",
            self._policy,
            "--layers",
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
            *options,
            folder,
            env=self._environment,
        )

    def content_of(self, name):
        said = self.world.run(
            *of_its_own(self.folder),
            "buildah",
            *self._options,
            "inspect",
            "--type",
            "image",
            "--format",
            "{{.FromImageID}}",
            name,
            env=self._environment,
        )
        return "sha256:" + said.split()[-1]


class Containerd:
    """containerd with ctr; the mirror by hosts.toml, whose own server is a port where nobody listens."""

    def __init__(self, world, mirrors, plain=(), environment=None):
        """`environment` finds another containerd than the installed one: see trixie.environment()."""
        self.world = world
        self.plain = plain
        self._environment = environment or {}
        self.folder = world.fresh_folder("containerd")
        self.hosts = self.folder / "certs.d"
        for registry, address in mirrors.items():
            host = self.hosts / registry
            host.mkdir(parents=True)
            host.joinpath("hosts.toml").write_text(
                f'server = "http://127.0.0.1:1"\n\n[host."http://{address}"]\n  capabilities = ["pull",'
                ' "resolve"]\n'
            )
        config = self.folder / "config.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        run = world.run_folder("containerd")
        self.socket = run / "c.sock"
        self.process = world.start(
            "containerd",
            [
                "containerd",
                "--config",
                config,
                "--root",
                self.folder / "root",
                "--state",
                run / "state",
                "--address",
                self.socket,
                "--log-level",
                "warn",
            ],
            env=self._environment,
        )
        world.wait_until(self.socket.exists, "containerd listens")
        world.wait_until(
            lambda: "Server" in self._ctr("version", check=False),
            "containerd answers",
        )

    def pull(self, name, whole=False):
        """`whole`: all platforms."""
        platforms = ["--all-platforms"] if whole else ["--platform", "linux/amd64"]
        output = self._ctr(
            "images",
            "pull",
            "--hosts-dir",
            self.hosts,
            *platforms,
            *self._plain_http(name),
            name,
        )
        expect("done" in output, f"ctr images pull {name}: {output}")

    def push(self, name, target):
        self._ctr(
            "images",
            "push",
            "--hosts-dir",
            self.hosts,
            *self._plain_http(target),
            target,
            name,
        )

    def content_of(self, name):
        lines = self._ctr("images", "ls", f"name=={name}").splitlines()
        return lines[1].split()[2]

    def _ctr(self, *arguments, check=True):
        return self.world.run("ctr", "--address", self.socket, *arguments, env=self._environment, check=check)

    def _plain_http(self, name):
        return ["--plain-http"] if name.startswith(tuple(self.plain)) else []

    def forget(self, name):
        self._ctr("images", "rm", "--sync", name)
        self._ctr("content", "prune", "references", check=False)

    def stop(self):
        self.process.kill()


class Dockerd:
    """dockerd with its classic store; the mirror by registry-mirrors, which is for docker.io alone. What is
    on loopback it takes for plain by itself."""

    NETWORK = ("--iptables=false", "--ip6tables=false", "--bridge=none")

    def __init__(self, world, mirrors, plain=()):
        self.world = world
        self.folder = world.fresh_folder("dockerd")
        run = world.run_folder("dockerd")
        self.socket = run / "d.sock"
        self.containerd = Containerd(world, {})
        mirror = ["--registry-mirror", f"http://{mirrors['docker.io']}"] if mirrors else []
        self.process = world.start(
            "dockerd",
            [
                "dockerd",
                "--data-root",
                self.folder / "data",
                "--exec-root",
                run / "exec",
                "-p",
                run / "pid",
                "-H",
                f"unix://{self.socket}",
                "--containerd",
                self.containerd.socket,
                *self.NETWORK,
                *mirror,
            ],
        )
        self.address = f"unix://{self.socket}"
        self._docker = ["docker", "-H", self.address]
        world.wait_until(
            lambda: self.socket.exists()
            and "Server Version" in world.run(*self._docker, "info", check=False),
            "dockerd answers",
            30,
            0.1,
        )

    def pull(self, name):
        output = self.world.run(*self._docker, "pull", "--platform", "linux/amd64", name)
        expect(
            "Downloaded newer image" in output or "Image is up to date" in output,
            f"docker pull {name}: {output}",
        )

    def push(self, name, target):
        self.world.run(*self._docker, "tag", name, target)
        return self.world.run(*self._docker, "push", target)

    def content_of(self, name):
        return self.world.run(*self._docker, "image", "inspect", "--format", "{{.Id}}", name).strip()

    def stop(self):
        self.process.kill()
        self.containerd.stop()


def of_its_own(folder):
    """A command before skopeo, podman or buildah of root, which all remember in one place which registry
    holds which blob: here it is a place in `folder`."""
    return [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mkdir -p "$0" /var/lib/containers/cache && mount --bind "$0" /var/lib/containers/cache && exec "$@"',
        folder / "memory",
    ]


def registries_conf(mirrors, plain=()):
    text = 'unqualified-search-registries = []\nshort-name-mode = "disabled"\n'
    for registry, address in mirrors.items():
        text += (
            f'\n[[registry]]\nprefix = "{registry}"\nlocation = "{registry}"\n\n[[registry.mirror]]\nlocation'
            f' = "{address}"\ninsecure = true\n'
        )
    for address in plain:
        text += f'\n[[registry]]\nprefix = "{address}"\nlocation = "{address}"\ninsecure = true\n'
    return text
