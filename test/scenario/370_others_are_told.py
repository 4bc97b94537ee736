"""Webhooks and the audit log: a receiver that comes and goes, and a Breakwater that is killed between a push
and its delivery, lose nothing and keep the order; every signature is right; the audit log has each push,
deletion and act, also over its file being moved away while somebody pushes."""

import hashlib
import hmac
import http.server
import json
import threading
import time

from harness import expect, http as web, images, scenario
from harness.breakwater import private_route
from harness.operator import Operator, expect_shape
from harness.registry import push

SECRET = b"what only the two know"


class Receiver:
    """Takes notifications on a port of its own, and checks what each has to have."""

    def __init__(self, world):
        self.port = world.free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.events = []  # in the order in which they came
        self.wrong = []
        self._server = None

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.take(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def take(self, headers, body):
        delivery, timestamp = headers["X-Breakwater-Delivery"], headers["X-Breakwater-Timestamp"]
        once = f"{timestamp}.{delivery}.".encode() + body
        for name, signed in (("X-Hub-Signature-256", body), ("X-Breakwater-Signature-256", once)):
            wanted = "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
            if headers[name] != wanted:
                self.wrong.append(f"{name}: {headers[name]}")
        if headers["Content-Type"] != "application/vnd.docker.distribution.events.v2+json":
            self.wrong.append(headers["Content-Type"])
        if abs(time.time() - int(timestamp)) > 60:
            self.wrong.append(f"sent at {timestamp}")
        (event,) = json.loads(body)["events"]
        if event["id"] != delivery:
            self.wrong.append(f"{event['id']} came as {delivery}")
        # One that was taken just before a crash comes once more.
        if event["id"] not in [one["id"] for one in self.events]:
            self.events.append(event)

    def pushed(self):
        return [
            one["target"]["tag"]
            for one in self.events
            if one["action"] == "push" and "tag" in one["target"]
        ]


def audited(folder):
    lines = []
    for file in sorted(folder.glob("audit.log*"), reverse=True):
        lines += [json.loads(line) for line in file.read_text().splitlines()]
    return lines


def delivering(world, breakwater, receiver):
    """Whoever of the two is away meanwhile."""
    tags = []

    def push_some(count):
        for _ in range(count):
            tags.append(f"v{len(tags)}")
            push(breakwater.addresses["private"], "team/app", tags[-1], images.single(tags[-1], [1000]))

    receiver.start()
    push_some(3)
    world.wait_until(lambda: receiver.pushed() == tags, "three pushes are told")
    receiver.stop()
    push_some(3)
    world.wait_until(
        lambda: (breakwater.metric("breakwater_webhook_deliveries_total", result="failed") or 0) > 0,
        "it was tried",
    )
    operator = Operator(breakwater)
    told = operator.json("status")
    expect(not told["well"] and told["webhooks"][0]["state"] == "failing", f"status says {told}")
    # Each image is pushed by its digest and by its tag.
    expect(told["webhooks"][0]["waiting"] == 6, f"six wait: {told['webhooks']}")
    found = [one for one in operator.verb("doctor", "--json").json["findings"] if one["about"] == "webhook"]
    expect(found and found[0]["state"] == "wrong", f"doctor says {found}")
    breakwater.kill()
    breakwater.start()
    push_some(2)
    breakwater.kill()
    receiver.start()
    breakwater.start()
    world.wait_until(lambda: receiver.pushed() == tags, f"all are told in order: {tags}", 60)
    fails = [one for one in breakwater.events() if one.get("event") == "webhook_fails"]
    expect(len(fails) <= 1, f"a failing endpoint is told {len(fails)} times")
    expect(breakwater.metric("breakwater_webhook_dropped_total") == 0, "some were dropped")
    return tags


def deleting(world, breakwater, receiver):
    path = "/v2/team/app/manifests/"
    reply = web.get(breakwater.addresses["private"], path + "v0", {"Accept": images.ACCEPT})
    digest = reply.header("Docker-Content-Digest")
    reply = web.ask(breakwater.addresses["private"], "DELETE", path + "v0")
    expect(reply.status == 202, f"{reply}")
    operator = Operator(breakwater)
    told = operator.json("rm", "team/app:v1", "--dry-run")
    expect(told["tags"], f"{told}")
    operator.json("rm", "team/app:v1")
    world.wait_until(
        lambda: [one["target"]["tag"] for one in receiver.events if one["action"] == "delete"]
        == ["v0", "v1"],
        "two deletions are told",
    )
    event = [one for one in receiver.events if one["action"] == "delete"][0]
    expect(event["target"]["digest"] == digest, f"{event}")


def deleting_alone(world, breakwater, receiver):
    """By a verb on the folder, while nobody serves it."""
    breakwater.stop()
    before = len(receiver.events)
    Operator(breakwater).json("rm", "team/app:v3")
    breakwater.start()
    world.wait_until(lambda: receiver.events[before:], "what a verb has deleted alone is told")
    (event,) = receiver.events[before:]
    expect((event["action"], event["target"]["tag"]) == ("delete", "v3"), f"{event}")


def rotating(world, breakwater, folder):
    """The file is moved away while somebody pushes: no line is lost."""
    tags = [f"r{number}" for number in range(40)]

    def push_all():
        for tag in tags:
            push(breakwater.addresses["private"], "team/rotated", tag, images.single("rotated", [1000]))

    pushing = threading.Thread(target=push_all)
    pushing.start()
    for number in range(1, 6):
        time.sleep(0.2)
        if (folder / "audit.log").exists():
            (folder / "audit.log").rename(folder / f"audit.log.{number}")
    pushing.join()

    def told():
        lines = [one for one in audited(folder) if one.get("repository") == "team/rotated"]
        return [one["reference"] for one in lines if ":" not in one["reference"]]

    world.wait_until(lambda: sorted(told()) == sorted(tags), "each push is a line", 10)


def what_is_refused_for_its_parameters(operator, folder):
    """An act that is not even tried is a line too; what is asked, and a dry run, are none."""
    before = len(audited(folder))
    status, answer = operator.ask("GET", "usage?by=nothing")
    expect(status == 400, f"{status} {answer}")
    for body in ({"dry_run": True, "nonsense": "1"}, {"nonsense": "1", "what": "team/app:v2"}, {}):
        status, answer = operator.ask("POST", "remove", body)
        expect(status == 400, f"{body}: {status} {answer}")
    expect(operator.verb("read-only", "maybe").status == 2, "read-only maybe was done")
    lines = audited(folder)[before:]
    expect([one["what"] for one in lines] == ["rm", "rm", "read-only"], f"{lines}")
    for one in lines:
        expect(one["result"] == "refused" and one["reason"] and one["who"] == "root (uid 0)", f"{one}")
    expect("nonsense" in lines[0]["reason"] and "nonsense=1" in lines[0]["arguments"], f"{lines[0]}")
    expect(lines[0]["reference"] == "v2", f"{lines[0]}")


def imported(world, breakwater, receiver, folder):
    """Each tag that an operator's import sets is told; while registries are read-only nothing is imported."""
    operator = Operator(breakwater)
    layouts = folder / "layouts"
    operator.json("export", "--to", layouts, "--route", "private", "--repository", "team/app")
    take = ("import", "--layout", layouts / "team/app", "--route", "private", "--repository", "back/app")
    operator.json("read-only", "on")
    said = operator.verb(*take, "--yes")
    expect(said.status == 1 and "read-only off" in said.err, f"{said}")
    line = audited(folder)[-1]
    expect(line["what"] == "import" and line["result"] == "refused", f"{line}")
    operator.json("read-only", "off")
    before = len(receiver.events)
    done = operator.json(*take)
    expect(done["tags"] > 1 and "tags_untold" not in done, f"{done}")
    expect_shape("import", done)

    def told():
        return [one for one in receiver.events[before:] if one["target"]["repository"] == "back/app"]

    world.wait_until(lambda: len(told()) == done["tags"], "each imported tag is told")
    for one in told():
        reason = one["breakwater"]["reason"]
        expect(one["action"] == "push" and reason == "an operator has imported it", f"{one}")


def what_the_audit_log_has(breakwater, folder, tags):
    lines = audited(folder)
    pushes = [
        one
        for one in lines
        if one["what"] == "push" and one["repository"] == "team/app" and ":" not in one["reference"]
    ]
    expect([one["reference"] for one in pushes] == tags, f"pushes of {tags}: {pushes}")
    expect(all(one["digest_after"] and one["from"] == "127.0.0.1" for one in pushes), f"{pushes}")
    rm, rm_alone = [one for one in lines if one["what"] == "rm"]
    expect(rm_alone["from"] == "command line" and rm_alone["reference"] == "v3", f"{rm_alone}")
    expect(rm["who"] == "root (uid 0)" and rm["from"] == "control socket", f"{rm}")
    expect(rm["result"] == "done" and rm["reference"] == "v1" and rm["digest_before"], f"{rm}")
    operator = Operator(breakwater)
    what_is_refused_for_its_parameters(operator, folder)
    expect(operator.verb("rm", "team/app:nothing").status != 0, "what is not there was deleted")
    breakwater.stop()
    operator.json("pin", "private/team/app:v2")
    refused, alone = audited(folder)[-2:]
    expect(refused["result"] == "refused" and "reason" in refused, f"{refused}")
    expect(alone["what"] == "pin" and alone["from"] == "command line", f"{alone}")
    mode = (folder / "audit.log").stat().st_mode & 0o777
    expect(mode == 0o640, f"its mode is {mode:o}")


def changing(world, breakwater, receiver):
    """A reload takes webhooks and audit up, and a mistake in them changes nothing."""
    good = dict(breakwater.config)
    breakwater.config = {**good, "audit": {"file": "/nowhere/audit.log"}}
    expect(not breakwater.reload(), "an audit file that cannot be opened was taken")
    missing = {**good["webhooks"][0], "secret_file": "/nowhere/secret"}
    breakwater.config = {**good, "webhooks": [missing]}
    expect(not breakwater.reload(), "a secret that is not there was taken")
    expect("webhooks[0].secret_file" in breakwater.process.text(), "the mistake does not name its key")
    breakwater.config = {key: value for key, value in good.items() if key != "webhooks"}
    expect(breakwater.reload(), "webhooks could not be taken out")
    before = len(receiver.events)
    push(breakwater.addresses["private"], "team/app", "untold", images.single("untold", [1000]))
    breakwater.config = good
    expect(breakwater.reload(), "webhooks could not be put back")
    push(breakwater.addresses["private"], "team/app", "told", images.single("told", [1000]))
    world.wait_until(lambda: receiver.events[before:], "a webhook that was put back is told")
    told = {one["target"].get("tag", "told") for one in receiver.events[before:]}
    expect(told == {"told"}, f"an old one was told: {told}")
    return ["untold", "told"]


def main(world):
    folder = world.fresh_folder("audit")
    secret = world.fresh_folder("secret") / "hook"
    secret.write_bytes(SECRET + b"\n")
    receiver = Receiver(world)
    hook = {"url": receiver.url, "secret_file": str(secret), "events": ["push", "delete", "upstream"]}
    breakwater = world.breakwater(
        routes=[private_route()],
        settings={"webhooks": [hook], "audit": {"file": str(folder / "audit.log")}},
    )
    tags = delivering(world, breakwater, receiver)
    deleting(world, breakwater, receiver)
    deleting_alone(world, breakwater, receiver)
    rotating(world, breakwater, folder)
    tags += changing(world, breakwater, receiver)
    imported(world, breakwater, receiver, folder)
    expect_shape("status", Operator(breakwater).json("status"))
    what_the_audit_log_has(breakwater, folder, tags)
    expect(not receiver.wrong, f"notifications are wrong: {receiver.wrong[:3]}")


scenario(main)
