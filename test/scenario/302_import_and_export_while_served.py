"""Images are imported and exported while a server of another user serves the folder: it sees nothing of
what root names, and gets each file from the command. What is stopped goes on; what clients pushed stays."""

import os
import pathlib
import signal
import subprocess

from harness import expect, http as web, images, scenario
from harness.breakwater import BINARY, private_route
from harness.operator import Operator, expect_shape
from harness.pushes import held
from harness.registry import push

USER, GROUP = 4711, 4712
MANY = 40


def served(world):
    """A registry of a user of its own."""
    data = world.fresh_folder("data") / "data"
    data.mkdir()
    os.chown(data, USER, GROUP)
    as_user = ["setpriv", "--reuid", str(USER), "--regid", str(GROUP), "--clear-groups"]
    return world.breakwater(routes=[private_route()], data=data, prefix=as_user)


def old_folder(world, pushed):
    """What another registry has written, for root's eyes only."""
    old = world.registry(name="old")
    for name, image in pushed.items():
        old.push(*name.rsplit(":", 1), image)
    old.stop()
    os.chmod(old.storage, 0o700)
    for path in pathlib.Path(old.storage).rglob("*"):
        os.chmod(path, 0o700 if path.is_dir() else 0o600)
    return old.storage


def status_of(registry, repository, tag):
    reply = web.get(registry.address, f"/v2/{repository}/manifests/{tag}", {"Accept": images.ACCEPT})
    return reply.status


def expect_clean(data):
    left = [path.name for path in data.iterdir() if path.name.startswith("lender")]
    left += [path.name for path in (data / "incoming").iterdir()]
    expect(not left, f"something is left: {left}")
    for path in data.rglob("*"):
        found = path.lstat()
        expect(found.st_uid == USER, f"{path} belongs to {found.st_uid}")


def expect_private_memory(registry):
    """What the kernel makes no core file of, and lets no other process of the same user read, is root's."""
    owner = os.stat(f"/proc/{registry.process.pid}/mem").st_uid
    expect(owner == 0, f"its memory can be read by user {owner}, and be in a core file")


def imports(operator, registry, storage, pushed):
    into = ("import", "--from", storage, "--route", "private")
    plan = operator.json(*into, "--dry-run")
    expect(plan["tags"] == len(pushed) and plan["bytes"] > 0, f"the dry run: {plan}")
    expect(status_of(registry, "team/app", "1") == 404, "a dry run has taken something over")
    done = operator.json(*into)
    for key in ("tags", "manifests", "bytes"):
        expect(done[key] == plan[key], f"{key}: planned {plan[key]}, done {done[key]}")
    expect(done["well"] and done["left_out"] == 0 and done["blobs_copied"] > 0, f"{done}")
    for name, image in pushed.items():
        got = held(registry.address, *name.rsplit(":", 1)).blobs
        expect(got == image.blobs, f"{name} came in with other blobs")
    again = operator.verb(*into)
    expect(again.status == 0 and f"here already: {len(pushed)} tags" in again.out, f"{again}")
    expect_clean(registry.data)


def newer_stays(operator, registry, storage):
    newer = images.single("newer", [20_000])
    push(registry.address, "team/app", "1", newer)
    said = operator.verb("import", "--from", storage, "--route", "private")
    expect("kept: team/app:1" in said.out, f"{said}")
    digest = web.get(registry.address, "/v2/team/app/manifests/1", {"Accept": images.ACCEPT}).header(
        "Docker-Content-Digest"
    )
    expect(digest == newer.top.digest, f"the tag that was pushed here is {digest}")


def exports(world, operator, registry):
    out = world.fresh_folder("out")
    os.chmod(out, 0o700)
    to = out / "layouts"
    give = ("export", "--route", "private", "--repository", "team/*", "--to", to)
    plan = operator.json(*give, "--dry-run")
    expect(not to.exists() and plan["tags"] == 2, f"the dry run: {plan}")
    done = operator.json(*give)
    expect(done["well"] and done["tags"] == 2, f"{done}")
    for path in [to, *to.rglob("*")]:
        expect(path.lstat().st_uid == 0, f"{path} is not root's")
        expect(not path.name.startswith(".") and not path.name.endswith(".incomplete"), f"{path} is left")
    said = operator.verb(
        "import", "--layout", to / "team/app", "--route", "private", "--repository", "back/app"
    )
    expect(said.status == 0, f"{said}")
    want, got = (held(registry.address, name, "1").blobs for name in ("team/app", "back/app"))
    expect(want == got, "what went out came back with other blobs")
    inside = operator.verb("export", "--route", "private", "--to", registry.data / "out")
    expect(inside.status == 1 and "is in the data folder" in inside.err, f"{inside}")


def refusals(operator):
    for body in (
        {"route": "private", "from": "/etc"},
        {"route": "private", "from": "/etc", "lender": "../control"},
        {"route": "private", "from": "/etc", "lender": "lender-1"},
    ):
        status, answer = operator.ask("POST", "import", body)
        expect(status in (400, 503), f"{body}: {status} {answer}")
    said = operator.verb("import", "--from", "/nowhere", "--route", "private")
    expect(said.status != 0 and "is no data folder of a registry" in said.err, f"{said}")
    said = operator.verb("import", "--from", "/nowhere", "--route", "pirvate")
    expect(said.status == 2 and "the routes are private" in said.err, f"{said}")


def stopped(world, operator, registry):
    """Ctrl-C in the middle: nothing is half, and another run goes on."""
    many = {f"many/app{number}:1": images.single(f"many-{number}", [4 << 20]) for number in range(MANY)}
    storage = old_folder(world, many)
    arguments = [
        BINARY,
        "import",
        "--from",
        storage,
        "--route",
        "private",
        "--config",
        registry.config_file,
    ]
    running = subprocess.Popen(
        [str(one) for one in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    world.wait_until(
        lambda: status_of(registry, "many/app0", "1") == 200 or running.poll() is not None, "it has begun"
    )
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    expect(running.returncode in (0, 1), f"it ended with {running.returncode}: {out}{err}")
    if running.returncode == 1:
        expect("another run goes on" in out + err, f"{out}{err}")
    world.wait_until(lambda: not list((registry.data / "incoming").iterdir()), "nothing is left half")
    expect_clean(registry.data)
    tags = sum(status_of(registry, name.rsplit(":", 1)[0], "1") == 200 for name in many)
    world.say(f"stopped after {tags} of {MANY}")
    done = operator.json("import", "--from", storage, "--route", "private")
    expect(done["tags"] + done["tags_here"] == MANY and done["well"], f"{done}")
    expect(done["tags_here"] >= tags, f"{tags} were there, and {done['tags_here']} were found")
    expect_clean(registry.data)


def looks(operator, registry):
    said = operator.verb("verify", "--json")
    expect(said.status == 2 and "another process serves" in said.err, f"verify beside a server: {said}")
    registry.stop()
    answer = operator.json("verify")
    expect(answer["well"] and answer["blobs"] > 0, f"{answer}")
    answer = operator.json("check-config")
    expect(answer["well"] and answer["folder"] == str(registry.data), f"{answer}")
    registry.config["routes"][0]["colour"] = "blue"
    registry.write_config()
    said = operator.verb("check-config", "--json")
    expect_shape("check-config", said.json)
    expect(said.status == 1 and not said.json["well"] and "colour" in said.json["errors"][0], f"{said}")
    for verb in ("verify", "status", "gc"):
        said = operator.verb(verb)
        expect(said.status == 2 and "colour" in said.err, f"{verb} with a wrong configuration: {said}")


def main(world):
    pushed = {
        "team/app:1": images.multi_platform("served", images.MEBI + 77),
        "team/tool:2": images.single("tool", [300_000]),
    }
    storage = old_folder(world, pushed)
    registry = served(world)
    expect_private_memory(registry)
    operator = Operator(registry)
    imports(operator, registry, storage, pushed)
    newer_stays(operator, registry, storage)
    exports(world, operator, registry)
    refusals(operator)
    stopped(world, operator, registry)
    looks(operator, registry)


if __name__ == "__main__":
    scenario(main)
