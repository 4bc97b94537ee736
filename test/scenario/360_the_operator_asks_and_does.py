"""Every verb that asks or does something, and the same over the API: the answers agree, what is done is done,
a dry run does nothing, and mistakes get a sentence and the exit code of what could not be tried."""

import json

import yaml

from harness import expect, http, images, scenario
from harness.breakwater import mirror_route, private_route
from harness.event_stream import Stream
from harness.operator import Operator, expect_shape, run
from harness.registry import push


def expect_says(said, status, *texts):
    expect(said.status == status, f"exit code {said.status}, not {status}: {said}")
    for text in texts:
        expect(text in said.out + said.err, f"it does not say {text!r}: {said}")


def asks_upstream(breakwater):
    return breakwater.metric("breakwater_upstream_requests_total", route="dockerhub")


def how_it_is(operator):
    expect_says(operator.verb("status"), 0, "All calm: 3 routes", "mirror of docker.io", "well", "0 broken")
    told = operator.json("status")
    status, asked = operator.ask("GET", "status")
    expect(status == 200 and told["well"], f"{status}: {told}")
    for key in ("version", "folder", "routes", "disk"):
        if key != "disk":
            expect(told[key] == asked[key], f"{key}: the verb says {told[key]}, the API {asked[key]}")
        expect(told[key], f"there is no {key}: {told}")


def fetching(operator, image, other):
    breakwater = operator.breakwater
    dry = operator.verb("fetch", "app:1", "--dry-run")
    expect_says(dry, 0, "dockerhub/library/app:1: would be fetched")
    expect(asks_upstream(breakwater) == 0, "a dry run has asked upstream")
    expect_says(operator.verb("fetch", "app:1", "docker.io/library/other:2"), 0, "app:1: ", "other:2: ")
    asked = asks_upstream(breakwater)
    for pulled, name in ((image, "app"), (other, "other")):
        for path in pulled.paths(f"library/{name}"):
            reply = http.get(breakwater.addresses["dockerhub"], path, {"Accept": images.ACCEPT})
            expect(reply.status == 200, f"{path}: {reply}")
    expect(asks_upstream(breakwater) == asked, "what was fetched was asked for upstream again")
    status, again = operator.ask("POST", "fetch", {"image": ["app:1"]})
    expect(status == 200 and again["images"][0]["downloaded_blobs"] == 0, f"{status}: {again}")
    pods = {
        "items": [{"spec": {"containers": [{"image": "app:1"}], "initContainers": [{"image": "other:2"}]}}]
    }
    said = operator.verb("fetch", "--from-cluster", stdin=json.dumps(pods).encode())
    expect_says(said, 0, "library/app:1", "library/other:2")
    expect_says(operator.verb("fetch", "-", stdin=b"# ours\napp:1\n"), 0, "library/app:1: ")
    missing = operator.verb("fetch", "app:1", "missing:1", "unknown.example/x:1", "private/team/app:1")
    expect_says(
        missing,
        1,
        "library/app:1: ",
        "library/missing:1: not fetched",
        "no route answers for the registry",
        "registry of its own",
    )


def refreshing(operator, hub):
    breakwater = operator.breakwater
    expect_says(operator.verb("refresh", "app:1"), 0, "still names")
    moved = images.single("moved", [50_000])
    hub.push("library/app", "1", moved)
    status, told = operator.ask("POST", "refresh", {"image": "app:1", "dry_run": True})
    expect(status == 200 and told.get("before") and "digest" not in told, f"{status}: {told}")
    expect_says(operator.verb("refresh", "app:1"), 0, f"names {moved.top.digest}, and named ")
    reply = http.get(
        breakwater.addresses["dockerhub"], "/v2/library/app/manifests/1", {"Accept": images.ACCEPT}
    )
    expect(reply.header("Docker-Content-Digest") == moved.top.digest, f"the tag is not moved: {reply}")
    expect_says(operator.verb("refresh", "private/team/app:1"), 2, "is no mirror")


def filling(operator):
    """What fills the disk adds up, by the verb as by the API."""
    said = operator.verb("du")
    expect_says(said, 0, "PAYS FOR", "private", "in all:")
    told = operator.json("du", "--by", "repository")
    rows = {(row["route"], row["repository"]): row for row in told["repositories"]}
    expect(("private", "team/app") in rows and ("dockerhub", "library/app") in rows, f"{told}")
    unique = sum(row["unique_bytes"] for row in told["repositories"])
    expect(
        unique + told["shared_bytes"] + told["unheld_bytes"] == told["blobs_bytes"],
        f"it does not add up: {told}",
    )
    told = operator.json("du", "--by", "client")
    rows = {row["client"]: row for row in told["clients"]}
    expect(rows["127.0.0.1"]["blobs"] > 0, f"{told}")
    expect(sum(row["bytes"] for row in told["clients"]) == told["blobs_bytes"], f"it does not add up: {told}")
    routes = ("private", "dockerhub")
    of_routes = [operator.json("du", route, "--by", "client")["clients"] for route in routes]
    in_routes = sum(row["bytes"] for rows in of_routes for row in rows)
    expect(all(of_routes) and in_routes <= told["blobs_bytes"], f"by route: {of_routes}, in all: {told}")
    expect_says(operator.verb("du", "--by", "client"), 0, "BROUGHT", "127.0.0.1")
    told = operator.json("du", "private/team/app", "--by", "tag")
    expect([row["tag"] for row in told["tags"]] == ["1"] and told["tags"][0]["freed_bytes"] > 0, f"{told}")
    planned = operator.json("rm", "private/team/app:1", "--dry-run")
    expect(planned["freed_bytes"] == told["tags"][0]["freed_bytes"], f"rm frees {planned}, du said {told}")
    expect_says(operator.verb("du", "private/team/app", "--by", "tag"), 0, "DELETING FREES", "sha256:")
    expect_says(operator.verb("du", "private", "--by", "tag"), 2, "one repository")
    status, same = operator.ask("GET", "usage?by=tag&route=private&repository=team/app&limit=1")
    expect(status == 200 and same["tags"] == told["tags"], f"{status}: {same}")
    for by in ("route", "repository", "client"):
        status, _ = operator.ask("GET", f"usage?by={by}")
        expect(status == 200, f"usage by {by}: {status}")
    expect_says(operator.verb("du", "--by", "colour"), 2, "route, repository or client")


def finding(operator, image):
    """Search and inspection, as people and as programs read them."""
    expect_says(operator.verb("search", "APP"), 0, "private/team/app", "private/team/app:1", "sha256:")
    expect_says(operator.verb("search", "nowhere"), 0, "nothing here has such a name")
    names, after = [], ""
    while True:
        status, told = operator.ask("GET", f"search?q=team%20app&limit=1&after={after}")
        expect(status == 200 and len(told["rows"]) <= 1, f"{status}: {told}")
        names += [(row["route"], row["repository"], row.get("tag")) for row in told["rows"]]
        after = told.get("next", "")
        if not after:
            break
    expect(names == [("private", "team/app", None), ("private", "team/app", "1")], f"{names}")
    expect_says(operator.verb("search", "app", "--after", "x"), 2, "next")
    told = operator.json("search", "app", "library")
    expect(("dockerhub", "1") in [(row["route"], row.get("tag")) for row in told["rows"]], f"{told}")

    status, moved = operator.ask("GET", "document?of=app:1")
    expect(status == 200 and moved["tag"] == "1" and not moved["config"]["here"], f"{status}: {moved}")
    status, index = operator.ask("GET", f"document?of=dockerhub/library/app@{image.top.digest}")
    expect(status == 200 and index["kind"] == "index", f"{status}: {index}")
    platforms = [one for one in index["manifests"] if one.get("platform")]
    expect(platforms, f"no platform: {index}")
    told = operator.json("inspect", f"dockerhub/library/app@{platforms[0]['digest']}")
    expect(told["kind"] == "image" and told["config"]["here"] and told["layers"], f"{told}")
    expect_says(operator.verb("inspect", "private/team/app:1"), 0, "image sha256:", "LAYER")
    expect_says(operator.verb("inspect", "private/team/app"), 2, "name a tag")
    expect_says(operator.verb("inspect", "private/team/app:none"), 1, "there is no image")


def pushes(operator):
    try:
        push(operator.breakwater.addresses["private"], "team/more", "1", images.single("more", [10_000]))
        return True
    except Exception:
        return False


def keeping_and_dropping(operator, image):
    """What is pinned, purged and removed: a dry run does nothing and says what the act then does."""
    breakwater = operator.breakwater
    expect(operator.json("ls")["routes"], "there are no routes")
    expect_says(operator.verb("ls", "private"), 0, "private/team/app")
    expect_says(operator.verb("ls", "docker.io/library/other"), 0, "2", "sha256:")
    expect_says(operator.verb("ls", "private/team/app:1"), 0, "manifest", "config", "layer")
    operator.json("ls", "private/team/app:1")
    expect_says(operator.verb("ls", "private/nothing"), 1)

    expect_says(operator.verb("pin", "other:2", "--dry-run"), 0)
    expect(not operator.json("pins")["pins"], "a dry run has pinned something")
    expect(operator.json("pin", "other:2")["changed"], "nothing is pinned")
    expect_says(operator.verb("pins"), 0, "dockerhub/library/other:2")
    expect_says(operator.verb("unpin", "other:2"), 0)

    planned = operator.json("purge", "other:2", "--dry-run")
    asked = asks_upstream(breakwater)
    done = operator.json("purge", "other:2")
    for key in ("tags", "manifests", "blobs", "freed_bytes"):
        expect(planned[key] == done[key], f"{key}: planned {planned[key]}, done {done[key]}")
    reply = http.get(
        breakwater.addresses["dockerhub"], "/v2/library/other/manifests/2", {"Accept": images.ACCEPT}
    )
    expect(reply.status == 200 and asks_upstream(breakwater) > asked, "what was purged is not fetched anew")
    expect_says(operator.verb("purge", "private/team/app"), 2)

    ours = breakwater.addresses["private"]
    push(ours, "team/gone", "1", image)
    planned = operator.json("rm", "team/gone:1", "--dry-run")
    expect(
        http.get(ours, "/v2/team/gone/manifests/1", {"Accept": images.ACCEPT}).status == 200, "it is gone"
    )
    done = operator.json("rm", "team/gone:1")
    expect(planned["tags"] == done["tags"] and len(done["tags"]) == 1, f"planned {planned}, done {done}")
    expect(
        http.get(ours, "/v2/team/gone/manifests/1", {"Accept": images.ACCEPT}).status == 404, "it is there"
    )
    expect_says(operator.verb("rm", "team/gone:1"), 1)
    expect_says(operator.verb("why", "private/team/app:1"), 0, "names sha256:")
    expect_says(operator.verb("why", "never/seen:1"), 1, "is not here")
    told = operator.json("why", "private/team/app:1")["found"][0]
    expect(told["tag"]["tag"] == "1" and told["stored"], f"why, as programs read it: {told}")
    reasons = told["repositories"][0]["reasons"]
    expect({"tag"} <= {one["kind"] for one in reasons}, f"the reasons of a tag's manifest: {reasons}")
    status, same = operator.ask("GET", "why?of=private/team/app:1")
    expect(status == 200 and same["found"][0]["digest"] == told["digest"], f"why by the API: {same}")
    operator.json("gc")
    operator.json("uploads")
    expect_says(operator.verb("abort-upload", "nothing"), 1)


def read_only(operator):
    expect_says(operator.verb("read-only", "on", "--dry-run"), 0, "would refuse")
    expect(pushes(operator), "a dry run has made it read-only")
    expect_says(operator.verb("read-only", "on"), 0, "refuse pushes")
    expect(not pushes(operator), "it takes pushes although it is read-only")
    expect_says(operator.verb("status"), 1, "It is read-only")
    expect_says(operator.verb("read-only", "maybe"), 2, "on or off")
    status, told = operator.ask("POST", "read-only", {"state": "off"})
    expect(status == 200 and told == {"read_only": False}, f"{status}: {told}")
    expect(pushes(operator), "it takes no pushes although it is not read-only any more")


def draining(operator):
    ready = lambda: http.get(operator.breakwater.addresses["metrics"], "/readyz").status
    expect(ready() == 200, "it is not ready")
    expect_says(operator.verb("drain", "on"), 0, "503 draining")
    expect(ready() == 503, "/readyz does not say that it drains")
    expect(pushes(operator), "whoever comes all the same is not served")
    expect_says(operator.verb("drain", "off"), 0)
    expect(ready() == 200, "it is not ready again")


def reloading(operator):
    breakwater = operator.breakwater
    expect_says(operator.verb("reload"), 0, "nothing has changed")
    before = breakwater.config["routes"][2].get("bytes_max")
    breakwater.config["routes"][2]["bytes_max"] = "7GiB"
    breakwater.write_config()
    expect_says(operator.verb("reload", "--dry-run"), 0, "this would change", "7GiB")
    bound = lambda: breakwater.metric("breakwater_store_bytes_max", route="private")
    expect(bound() != 7 << 30, "a dry run has changed the bound")
    expect_says(operator.verb("reload"), 0, "reloaded", "7GiB")
    world_waits(breakwater, lambda: bound() == 7 << 30, "the bound is the new one")
    breakwater.config["routes"][2]["bytes_max"] = "much"
    breakwater.write_config()
    said = operator.ask("POST", "reload", {})
    expect(
        said[0] == 400 and "routes[2].bytes_max" in said[1]["error"]["message"], f"a broken file: {said}"
    )
    expect(bound() == 7 << 30, "a broken file has changed something")
    breakwater.config["routes"][2]["bytes_max"] = before or "8GiB"
    breakwater.write_config()


def world_waits(breakwater, condition, what):
    breakwater.world.wait_until(condition, what)


def configuring_clients(operator):
    expect_says(
        operator.verb("client-config", "containerd", "--host", "bw.lan"), 0, "bw.lan:", "hosts.toml"
    )
    status, told = operator.ask("GET", "client-config?client=docker&host=bw.lan")
    expect(status == 200 and told["files"][0]["path"] == "/etc/docker/daemon.json", f"{status}: {told}")
    expect_says(operator.verb("client-config", "npm"), 2, "the clients are")
    expect_says(operator.verb("client-config", "docker", "--host", 'a"b'), 2, "without a port")
    for client, path in (("woodpecker", ".woodpecker.yaml"), ("gitlab", ".gitlab-ci.yml"), ("github", None)):
        told = operator.json("client-config", client, "--host", "bw.lan")
        built = json.dumps(yaml.safe_load(told["files"][0]["text"]))
        expect("--cache-from type=registry,ref=bw.lan:" in built, f"{client}: {built}")
        expect(path in (None, told["files"][0]["path"]), f"{client}: {told}")


def looking_back(operator):
    """What was saved, who asked what, and what the exports of a cache brought."""
    breakwater = operator.breakwater
    told = operator.json("saved")
    hub = next(route for route in told["routes"] if route["route"] == "dockerhub")
    asked = asks_upstream(breakwater)
    expect(
        hub["upstream_requests"] == asked,
        f"the history has {hub['upstream_requests']} of {asked} questions",
    )
    expect_says(operator.verb("saved", "dockerhub", "--since", "1h"), 0, "In the last", "dockerhub")
    expect_says(operator.verb("saved", "--since", "long"), 2, "90m, 24h or 7d")
    status, told = operator.ask("GET", "requests?result=refused&limit=5")
    expect(status == 200 and len(told["requests"]) <= 5, f"{status}: {told}")
    told = operator.json("log", "--image", "app", "--client", "127.0.0.0/8")
    expect(
        told["requests"] and all(one["repository"] == "library/app" for one in told["requests"]), f"{told}"
    )
    expect_says(operator.verb("log", "--result", "good"), 2)
    status, later = operator.ask("GET", f"requests?after={told['newest'] - 1}&wait=true")
    expect(status == 200 and later["requests"], f"nothing is behind the last but one: {later}")
    numbers, before = [], told["newest"] + 1
    while before:
        status, page = operator.ask("GET", f"requests?before={before}&limit=7")
        expect(status == 200 and len(page["requests"]) <= 7, f"{status}: {page}")
        numbers += [one["number"] for one in reversed(page["requests"])]
        before = page.get("previous")
    expect(numbers == list(range(told["newest"], 0, -1)), f"backwards through all requests: {numbers}")
    expect(operator.ask("GET", "requests?before=3&after=1")[0] == 400, "it goes back and on at once")
    for number in range(2):
        push(
            breakwater.addresses["private"], "team/app", "main-cache", images.single(f"c{number}", [30_000])
        )
    expect_says(operator.verb("cache"), 0, "private/team/app:main-cache", "never")
    one = operator.json("cache", "private/team/app")["caches"][0]
    expect(one["pushes"] == 2 and len(one["generations"]) == 2, f"the cache's exports: {one}")


def looking_on(operator):
    """The stream of events: the status in short, requests as they end, and what goes on over a connection."""
    stream = Stream(operator)
    event, short = stream.next()
    expect(event == "status" and short["well"] and short["sentence"], f"it begins with {event}: {short}")
    expect_shape("status_summary", short)
    expect(pushes(operator), "it takes no pushes")
    stream.until(lambda event, data: event == "event" and data.get("repository") == "team/more")
    stream.close()
    expect(pushes(operator), "it takes no pushes")
    again = Stream(operator, "?of=request,event&route=private", stream.last_id)
    again.until(lambda event, data: event == "request" and data["repository"] == "team/more")
    again.close()
    other_start = Stream(operator, "?of=request", "00000000.999999.999999")
    event, _ = other_start.next()
    expect(event in ("request", "missed"), f"numbers of another start are taken for ours: {event}")
    other_start.close()
    refused = Stream(operator, "?of=everything")
    expect(refused.reply.status == 400, f"a kind that there is not: {refused.reply.status}")
    refused.close()
    streams = []

    def has_room():
        streams.append(Stream(operator, "?of=event"))
        if streams[-1].reply.status == 200:
            return True
        streams.pop().close()
        return False

    for _ in range(4):
        world_waits(operator.breakwater, has_room, "a stream that was closed makes room for another")
    expect(not has_room(), "one client has too many streams")
    for one in streams:
        one.close()


def seeing_the_doctor(operator):
    """All is well but what this machine's own clients are configured with."""
    breakwater = operator.breakwater
    told = operator.json("doctor")
    wrong = [one for one in told["findings"] if one["state"] == "wrong"]
    expect(not wrong, f"the doctor finds wrong: {wrong}")
    for about in ("process", "dns", "upstream", "disk", "limits"):
        expect(
            any(one["about"] == about for one in told["findings"]), f"nothing is said of {about}: {told}"
        )
    config = dict(breakwater.config, routes=[mirror_route("gone", "gone.example", "http://127.0.0.1:9")])
    config["routes"][0]["listen"] = ["127.0.0.1:10"]
    file = breakwater.world.fresh_folder("ill") / "breakwater.json"
    file.write_text(json.dumps(config))
    said = run("doctor", "--config", file, "--data", breakwater.data)
    expect_says(
        said, 1, "wrong     port gone: 127.0.0.1:10 does not answer", "wrong     upstream gone: ", "-> "
    )


def mistakes(operator):
    expect_says(run("statsu"), 2, 'did you mean "breakwater status"')
    expect_says(run("help", "fetch"), 0, "--from-cluster")
    expect_says(run("--version"), 0, "breakwater ")
    expect_says(operator.verb("fetch", "--from-cluster", stdin=b"no"), 2, "no list of pods")
    expect_says(operator.verb("refresh", "No..Name:1"), 2, "is no image")
    for method, path, body, status in (
        ("GET", "nothing", None, 404),
        ("POST", "status", {}, 404),
        ("GET", "status?x=1", None, 400),
        ("POST", "refresh", {}, 400),
        ("POST", "refresh", {"image": {"a": 1}}, 400),
        ("POST", "refresh", {"image": "app:1", "dry_run": "maybe"}, 400),
    ):
        answered, told = operator.ask(method, path, body)
        expect(
            answered == status and told["error"]["message"], f"{method} {path} {body}: {answered} {told}"
        )


def main(world):
    hub = world.registry()
    image, other = images.multi_platform("operated", 300_000), images.single("other", [40_000])
    hub.push("library/app", "1", image)
    hub.push("library/other", "2", other)
    breakwater = world.breakwater(
        routes=[
            mirror_route("dockerhub", "docker.io", hub.url),
            mirror_route("quay", "quay.io", hub.url),
            private_route(),
        ]
    )
    push(breakwater.addresses["private"], "team/app", "1", images.single("ours", [30_000]))
    operator = Operator(breakwater)
    how_it_is(operator)
    fetching(operator, image, other)
    refreshing(operator, hub)
    filling(operator)
    finding(operator, image)
    keeping_and_dropping(operator, other)
    read_only(operator)
    draining(operator)
    looking_back(operator)
    looking_on(operator)
    configuring_clients(operator)
    seeing_the_doctor(operator)
    reloading(operator)
    mistakes(operator)
    breakwater.stop()
    expect_says(operator.verb("status"), 2, "nobody serves")
    expect_says(operator.verb("backup", world.fresh_folder("copy") / "data"), 0, "backed up")


scenario(main)
