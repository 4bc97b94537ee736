"""The Debian package on a bare Debian that systemd has booted: from the file to the first pull without a
compiler and without a question; upgrade and downgrade, which pullers and pushers do not notice; remove, which
finishes what runs and keeps what is stored; installed again; purge, which says where the data still is."""

from harness import expect, http, scenario
from harness.packaged import (
    EARLIER,
    MIRROR,
    REGISTRY,
    UNITS,
    PackagedBreakwater,
    as_earlier,
    field,
    first_pull,
    package,
)
from harness.restarts import Load, Upstream, ended, pulling

# dpkg syncs the disk just before the restart; 188_systemd_restarts.py holds restarts to one second.
GAP_MAX_S = 3
SHIPPED = (
    "etc/logrotate.d/breakwater",
    "usr/share/man/man1/breakwater.1.gz",
    "usr/share/bash-completion/completions/breakwater",
    "usr/share/zsh/vendor-completions/_breakwater",
    "usr/share/fish/vendor_completions.d/breakwater.fish",
    "usr/share/breakwater/breakwater.schema.json",
    "usr/share/breakwater/breakwater.spdx.json",
    "usr/share/breakwater/prometheus/breakwater.rules.yaml",
    "usr/share/breakwater/grafana/breakwater.json",
    "usr/share/doc/breakwater/copyright",
    "usr/share/doc/breakwater/changelog.gz",
    "usr/share/doc/breakwater/README.md",
)


def what_is_there(breakwater, deb):
    machine = breakwater.machine
    version, said = field(deb, "Version"), machine.run("breakwater", "--version").split()[1]
    expect(version.startswith(f"{said}~deb"), f"in the package {version} is a program that says {said}")
    for unit in UNITS:
        for question in ("is-active", "is-enabled"):
            said = machine.systemctl(question, unit, check=False).strip()
            expect(said in ("active", "enabled"), f"{question} {unit}: {said}")
    user = machine.show("breakwater", "User")
    expect(user == "breakwater", f"it runs as {user}")
    owner = machine.run("stat", "--format=%U %a", "/var/lib/breakwater").strip()
    expect(owner == "breakwater 700", f"/var/lib/breakwater is {owner}")
    missing = [one for one in SHIPPED if not (machine.root / one).is_file()]
    # A minimal image may have dpkg leave documentation out; minbase has it.
    expect(not missing, f"the package has not brought {missing}")
    conffiles = machine.run("dpkg-query", "--show", "--showformat=${Conffiles}", "breakwater")
    expect(" /etc/breakwater/breakwater.json " in conffiles, f"conffiles are {conffiles}")


def changes_to(breakwater, path, version):
    """Installs that version; another process serves then."""
    before = breakwater.main_pid()
    breakwater.dpkg("--install", path)
    expect(breakwater.version() == version, f"after {version} is installed, there is {breakwater.version()}")
    expect(breakwater.main_pid() not in ("0", before), f"after {version} is installed, it was not restarted")
    text = breakwater.config_file.read_text()
    expect('"allow_private": ["127.0.0.1"]' in text, "a change of version takes back what was configured")


def under_load(world, breakwater, upstream, new, deb):
    old = breakwater.hand(as_earlier(world, deb))
    changes_to(breakwater, old, EARLIER)
    load = Load(world, upstream, MIRROR, REGISTRY, breakwater.metric, cold_s=15)
    changes_to(breakwater, new, field(deb, "Version"))
    changes_to(breakwater, old, EARLIER)
    load.end(2, GAP_MAX_S)
    breakwater.expect_nothing_left()


def refused(address):
    try:
        http.get(address, "/v2/", timeout_s=2)
    except OSError:
        return True
    return False


def removed(world, breakwater, upstream):
    client = pulling(world, upstream, MIRROR, breakwater.metric)
    breakwater.dpkg("--remove", "breakwater")
    ended(client, upstream, "a client during a removal")
    expect(refused(MIRROR) and refused(REGISTRY), "after a removal a client is answered")
    expect(not (breakwater.machine.root / "usr/bin/breakwater").exists(), "a removal keeps the program")
    expect(breakwater.config_file.exists(), "a removal deletes the configuration")
    expect(breakwater.blob_files(), "a removal deletes what is stored")


def installed_again(breakwater, upstream, path):
    upstream.shaper.refuse()
    breakwater.dpkg("--install", path)
    reply = http.get(MIRROR, f"/v2/library/app/blobs/{upstream.held}")
    expect(reply.status == 200, f"what was stored before a removal is answered {reply}")


def purged(breakwater):
    said = breakwater.dpkg("--purge", "breakwater")
    expect("rm -rf /var/lib/breakwater" in said, f"a purge does not say where the data is: {said}")
    expect(breakwater.blob_files(), "a purge deletes what is stored")
    for path in ("etc/breakwater", "var/log/breakwater", "etc/logrotate.d/breakwater"):
        expect(not (breakwater.machine.root / path).exists(), f"a purge keeps /{path}")
    left = breakwater.machine.run("sh", "-c", "find /etc/systemd /lib/systemd -name '*breakwater*'").split()
    expect(not left, f"a purge keeps {left}")


def main(world):
    deb = package()
    upstream = Upstream(world)
    breakwater = PackagedBreakwater(world)
    path = first_pull(world, breakwater, upstream, deb)
    what_is_there(breakwater, deb)
    under_load(world, breakwater, upstream, path, deb)
    removed(world, breakwater, upstream)
    installed_again(breakwater, upstream, path)
    purged(breakwater)


if __name__ == "__main__":
    scenario(main)
