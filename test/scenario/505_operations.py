"""On a machine that systemd has booted, what packaging/docs/operations.md says, in its order: installing, a
backup and back to it, another disk, and uninstalling, after which nothing is left."""

import re

from harness import documents, expect, http as web, images, scenario
from harness.booted import Machine
from harness.breakwater import BINARY
from harness.registry import push
from harness.world import ROOT

DOCUMENT = "packaging/docs/operations.md"
REGISTRY = "127.0.0.1:5050"


def install(world, machine):
    """The lines that copy are for a folder where it was built; here it was built elsewhere, for that tree."""
    (block,) = documents.blocks(DOCUMENT, "On a machine of its own")
    lines = block.text.splitlines()
    copies = [line for line in lines if line.startswith("install ")]
    text = re.sub(r" (/(?:usr|etc)/)", rf" {machine.root}\1", "\n".join(copies))
    world.run("sh", "-ec", f"cd {ROOT}\n{text.replace('build/breakwater ', f'{BINARY} ')}")
    machine.run("sh", "-ec", "\n".join(line for line in lines if line not in copies))


def run(machine, block, **instead):
    text = block.text
    for what, other in instead.items():
        expect(what in text, f"{what} is not in {text}")
        text = text.replace(what, other)
    machine.run("sh", "-ec", text)


def has(tag):
    reply = web.get(REGISTRY, f"/v2/team/app/manifests/{tag}", {"Accept": images.ACCEPT})
    expect(reply.status in (200, 404), f"{reply}")
    return reply.status == 200


def changes(machine):
    machine.systemctl("reload", "breakwater")
    for verb, is_off in (("drain", "503"), ("read-only", "403")):
        machine.run("breakwater", verb, "on", "--yes")
        status = web.get("127.0.0.1:5001", "/readyz").status
        pushed = web.ask(REGISTRY, "POST", "/v2/team/app/blobs/uploads/").status
        expect(is_off in (str(status), str(pushed)), f"{verb}: /readyz {status}, a push {pushed}")
        machine.run("breakwater", verb, "off", "--yes")
    expect(web.get("127.0.0.1:5001", "/readyz").status == 200, "it is not ready any more")


def in_the_text(world, machine):
    """The commands that stand between backticks; after each the registry answers."""
    (ask,) = documents.spans("packaging/docs/commands.md", "curl --unix-socket")
    expect('"routes"' in machine.run("sh", "-ec", ask), f"{ask} says nothing of routes")
    looks = documents.spans("packaging/docs/log.md", "journalctl ")
    expect(len(looks) == 2, f"{looks}")
    changing = [one for one in documents.spans(DOCUMENT, "systemctl ") if "breakwater" in one]
    expect(len(changing) == 5, f"{changing}")
    for command in looks + changing:
        if command.startswith("systemctl edit"):
            continue  # it starts an editor
        machine.run("sh", "-ec", command)
        if " stop" in command:
            machine.systemctl("start", "breakwater.socket", "breakwater")
        world.wait_until(lambda: web.get("127.0.0.1:5001", "/readyz").status == 200, f"ready after {command}")


def backup_and_restore(machine):
    before, after = images.single("before", [50_000]), images.single("after", [50_000])
    push(REGISTRY, "team/app", "before", before)
    machine.run("breakwater", "backup", "/var/lib/breakwater/backups/monday")
    push(REGISTRY, "team/app", "after", after)
    (restore,) = documents.blocks(DOCUMENT, "Backup")
    run(machine, restore)
    expect(has("before") and not has("after"), "what is served is not the backup")


def other_disk(machine):
    (move,) = documents.blocks(DOCUMENT, "A bigger disk")
    machine.run("sh", "-ec", "mkdir /disk && mount --bind /disk /mnt")
    run(machine, move, **{"mount LABEL=breakwater ": "mount --bind /disk "})
    expect(has("before"), "the other disk does not have it")
    source = machine.run("findmnt", "-n", "-o", "SOURCE", "/var/lib/private/breakwater")
    expect("/disk" in source, f"it is on {source}")
    push(REGISTRY, "team/app", "on-the-other", images.single("other", [50_000]))
    machine.systemctl("stop", "breakwater.socket", "breakwater")
    machine.run("umount", "/var/lib/private/breakwater")
    machine.systemctl("start", "breakwater.socket", "breakwater")
    expect(has("before") and not has("on-the-other"), "the first disk is not as it was")


def uninstall(world, machine):
    remove, purge = documents.blocks(DOCUMENT, "Uninstalling")
    run(machine, remove)
    expect(not machine.root.joinpath("usr/bin/breakwater").exists(), "the program is left")
    expect(machine.disk.joinpath("breakwater/data/format").exists(), "the data is gone")
    listening = world.run("ss", "-Hltn")
    expect(not re.search(r":(50[0-6]0|5001|8080)\b", listening), f"something listens: {listening}")
    run(machine, purge)
    places = ("/etc", "/usr/bin", "/usr/share/doc", "/var/lib", "/var/lib/private")
    left = machine.run("find", *places, "-maxdepth", "1", "-name", "breakwater*")
    expect(not left.strip(), f"left: {left}")


def main(world):
    machine = Machine(world)
    machine.boot()
    install(world, machine)
    world.wait_until(lambda: has("none") is False, "the registry answers")
    changes(machine)
    in_the_text(world, machine)
    backup_and_restore(machine)
    other_disk(machine)
    uninstall(world, machine)


if __name__ == "__main__":
    scenario(main)
