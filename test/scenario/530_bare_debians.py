"""Each release of Debian, bare: Breakwater built from its source by the README's lines, installed by those of
Operations, and then the package that was made there, on another one that has no compiler. Each serves a first
pull. test/tools/source_install has built them, which takes minutes: it is for the full run."""

from harness import expect, images, scenario
from harness.clients import Skopeo
from harness.packaged import MIRROR, BuiltBreakwater, PackagedBreakwater, field, first_pull, package
from harness.restarts import Upstream
from harness.world import BUILD

RELEASES = ("bookworm", "trixie")


def from_source(world, upstream, folder):
    breakwater = BuiltBreakwater(world, folder)
    image = images.single(folder.name, [images.MEBI])
    upstream.hub.push("library/source", folder.name, image)
    breakwater.install()
    breakwater.mirror(upstream.shaper.url)
    Skopeo(world, {"docker.io": MIRROR}).pull(f"docker.io/library/source:{folder.name}")
    owner = breakwater.machine.run("stat", "--format=%u", "/var/lib/breakwater/data").strip()
    expect(owner != "0", "the data is root's")
    breakwater.machine.power_off()


def by_package(world, upstream, folder):
    deb = package(folder / "root/root/breakwater/build/deb")
    breakwater = PackagedBreakwater(world, folder / "bare")
    first_pull(world, breakwater, upstream, deb)
    version = field(deb, "Version")
    expect(breakwater.version() == version, f"{breakwater.version()} is installed, and not {version}")
    release = breakwater.machine.run("sh", "-c", ". /etc/os-release; echo $VERSION_ID").strip()
    expect(version.endswith(f"~deb{release}"), f"{version} is not for Debian {release}")
    breakwater.machine.power_off()


def main(world):
    upstream = Upstream(world)
    for release in RELEASES:
        folder = BUILD / "source" / release
        world.say(release)
        from_source(world, upstream, folder)
        by_package(world, upstream, folder)


if __name__ == "__main__":
    scenario(main)
