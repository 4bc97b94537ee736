"""What people do wrong, or what is wrong around them, and what each client then prints: recorded in
data/mistakes, a file for each mistake, and compared with that.

The reason is in what is printed wherever a client prints anything of an answer; data/mistakes/silent.json has
which clients print nothing of which answers. Every command ends, every refusal is in the log with its reason,
and the first line of the answer to a HEAD says it too.

    290_users_mistakes.py --record     writes the recordings anew, but for clients of other versions
"""

import concurrent.futures
import difflib
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading

from harness import disks, expect, http as web, images, mistaken, scenario
from harness.breakwater import mirror_route, private_route
from harness.certificates import Certificate, ExpiredCertificate
from harness.operator import Operator
from harness.registry import TokenServer, push

RECORDINGS = pathlib.Path(__file__).resolve().parent / "data" / "mistakes"
OUTSIDE = "10.20.30.40"  # no client takes it for plain HTTP by itself
DISK = 96 * images.MEBI
LAYERS = [100_000, 3 * images.MEBI]


class Pull:
    """An image by the address of a route."""

    def __init__(self, name, route, image, reason, plain=True):
        self.name, self.route, self.image, self.reason, self.plain = name, route, image, reason, plain

    def what(self, client):
        return f"pull <{self.route}>/{self.image}"

    def make(self, client, world):
        return client.try_pull(f"{world.addresses[self.route]}/{self.image}", self.plain)


class Push(Pull):
    def what(self, client):
        return f"push <{self.route}>/{self.image}"

    def make(self, client, world):
        return client.try_push(world.source, f"{world.addresses[self.route]}/{self.image}", self.plain)


class Delete(Pull):
    def what(self, client):
        return f"delete <{self.route}>/{self.image}"

    def make(self, client, world):
        target = f"{world.addresses[self.route]}/{self.image}"
        return client.try_delete(target) if hasattr(client, "try_delete") else None


APP = "library/app:1"
MISTAKES = [
    Pull("https_to_the_http_port", "outside", APP, "HTTP response to HTTPS client", plain=False),
    Push("push_to_a_mirror", "dockerhub", "library/app:2", "a mirror"),
    Pull("wrong_tag", "dockerhub", "library/app:nope", "manifest unknown"),
    Pull("private_upstream_without_credentials", "locked", APP, "whether the route has credentials"),
    Pull(
        "private_upstream_with_wrong_credentials",
        "wrong",
        APP,
        "were refused; check username and password_file",
    ),
    Pull("outside_allow", "closed", APP, "not in allow"),
    Push("outside_allow_push", "stranger", "team/app:1", "not in allow_push"),
    Push("over_the_bound", "small", "team/app:1", "is full"),
    Pull("upstream_has_no_address", "nodns", APP, "Could not resolve host"),
    Pull("upstream_certificate_untrusted", "untrusted", APP, "self-signed certificate"),
    Pull("upstream_certificate_expired", "expired", APP, "certificate has expired"),
    Pull("upstream_limits_us", "limited", APP, "pull rate limit"),
    Pull("hub_image_of_the_private_registry", "private", APP, "images of docker.io are at route dockerhub"),
    Pull("upstream_token_expired", "token", APP, "invalid_token"),
    Pull("repository_not_served", "ruled", APP, "repositories.deny"),
    Delete("delete_is_off", "kept", "team/app:1", "deletes nothing"),
]
READ_ONLY = Push("read_only", "private", "team/app:1", "read-only")
DISK_FULL = Push("disk_full", "private", "team/other:1", "is full")


class Upstreams:
    """What stands behind the mirrors."""

    def __init__(self, world, image):
        self.hub = world.registry()
        self.hub.push("library/app", "1", image)
        storage = self.hub.storage
        self.locked = world.registry(storage=storage, auth=("htpasswd", "me", "swordfish"), name="locked")
        self.tokens = TokenServer(world, expires_in_s=-300)
        self.token = world.registry(storage=storage, auth=self.tokens, name="token-registry")
        self.limited = world.shaper(self.hub.address)
        said = "You have reached your pull rate limit. https://www.docker.com/increase-rate-limit"
        body = json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": said}]})
        self.limited.rule("status", match="/v2/", times=0, status=429, header="Retry-After: 1", body=body)
        self.expired_certificate = ExpiredCertificate(world)
        self.untrusted = tls_upstream(Certificate(world))
        self.expired = tls_upstream(self.expired_certificate)


def tls_upstream(certificate):
    """Its URL; nobody comes further than to its certificate."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None  # who does not trust it leaves
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://127.0.0.1:{server.server_address[1]}"


def routes_of(world, upstreams):
    password = world.fresh_folder("secrets") / "wrong"
    password.write_text("not-the-password-4411\n")
    hub = upstreams.hub.url

    def mirror(name, upstream=hub, **settings):
        return mirror_route(name, f"{name}.example", upstream, **settings)

    stranger = private_route("stranger")
    stranger["allow_push"] = ["10.255.255.255/32"]
    return [
        mirror_route("dockerhub", "docker.io", hub),
        mirror("outside", listen=[f"{OUTSIDE}:0"]),
        mirror("locked", upstreams.locked.url),
        mirror("wrong", upstreams.locked.url, username="me", password_file=str(password)),
        mirror("closed", allow=["10.255.255.255/32"]),
        mirror("nodns", "https://registry.nowhere.invalid"),
        mirror("untrusted", upstreams.untrusted),
        mirror("expired", upstreams.expired),
        mirror("limited", upstreams.limited.url),
        mirror("token", upstreams.token.url),
        mirror("ruled", repositories={"deny": ["library/*"]}),
        private_route(),
        stranger,
        private_route("small", bytes_max="1MiB"),
        private_route("kept", registry={"delete": False}),
    ]


class Trial:
    """One run of all of them."""

    def __init__(self, world):
        self.world = world
        self.printed = {}  # {mistake: {client's label: what it did, and what it said}}
        world.run("ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo")
        image = images.single("mistakes", LAYERS)
        upstreams = Upstreams(world, image)
        self.disk = disks.SmallDisk(world, DISK)
        self.breakwater = world.breakwater(
            routes=routes_of(world, upstreams),
            data=self.disk.path / "data",
            settings={"upstream": {"ca_file": str(upstreams.expired_certificate.certificate)}},
        )
        self.addresses = self.breakwater.addresses
        push(self.addresses["kept"], "team/app", "1", image)
        self.names = {address: name for name, address in self.addresses.items()}
        self.names[upstreams.hub.address] = "hub"
        for name in ("locked", "token", "limited"):
            self.names[getattr(upstreams, name).address] = f"{name}-upstream"
        self.names[upstreams.untrusted.removeprefix("https://")] = "untrusted-upstream"
        self.names[upstreams.expired.removeprefix("https://")] = "expired-upstream"
        self.names[upstreams.tokens.url.split("/")[2]] = "token-server"
        plain = [upstreams.hub.address] + [
            one for one in self.addresses.values() if not one.startswith(OUTSIDE)
        ]
        self.source = f"{upstreams.hub.address}/{APP}"
        self.clients = mistaken.all_of_them(world, plain)

    def by_all(self, act):
        """Of each client at once: `act(client)`."""
        with concurrent.futures.ThreadPoolExecutor(len(self.clients)) as hands:
            return list(hands.map(act, self.clients))

    def make(self, mistakes):
        for client, found in zip(
            self.clients, self.by_all(lambda client: [one.make(client, self) for one in mistakes])
        ):
            for mistake, said in zip(mistakes, found):
                if said is not None:
                    self.printed.setdefault(mistake.name, {})[client.label] = (mistake.what(client), said)

    def section(self, mistake, label):
        what, said = self.printed[mistake][label]
        return "\n".join([f"$ {label}: {what}", *said.lines(self.names), f"exit {said.status}"]) + "\n"


def sections_of(mistake):
    """{client's label: what is recorded of it}"""
    file = RECORDINGS / f"{mistake}.txt"
    sections = file.read_text().split("\n\n") if file.exists() else []
    return {one[2:].split(":")[0]: one.rstrip("\n") + "\n" for one in sections}


def record(trial):
    for mistake, printed in trial.printed.items():
        sections = sections_of(mistake)
        sections.update({label: trial.section(mistake, label) for label in printed})
        (RECORDINGS / f"{mistake}.txt").write_text("\n".join(sections[label] for label in sorted(sections)))


def is_silent(mistake, label):
    """Whether that client is known to print nothing of such an answer."""
    rows = json.loads((RECORDINGS / "silent.json").read_text())
    return any(mistake in row["mistakes"] and re.fullmatch(row["clients"], label) for row in rows)


def is_recorded_by_chance(mistake, label):
    rows = json.loads((RECORDINGS / "silent.json").read_text())
    return any(
        row.get("sometimes") and mistake in row["mistakes"] and re.fullmatch(row["clients"], label)
        for row in rows
    )


def compare(world, trial):
    unknown = set()
    for mistake, printed in trial.printed.items():
        recorded = sections_of(mistake)
        for label in printed:
            if label not in recorded:
                unknown.add(label)
            elif not is_recorded_by_chance(mistake, label):
                now = trial.section(mistake, label)
                changes = difflib.unified_diff(
                    recorded[label].splitlines(), now.splitlines(), lineterm="", n=9
                )
                expect(
                    now == recorded[label],
                    f"{mistake} by {label} is not what was recorded; if that is meant, --record it:\n"
                    + "\n".join(changes),
                )
    if unknown:
        world.say(f"of other versions than were recorded: {', '.join(sorted(unknown))}")


def expect_reasons(trial, mistakes):
    for mistake in mistakes:
        for label, (what, said) in trial.printed[mistake.name].items():
            expect(said.status != 0, f"{mistake.name}: {label} has succeeded with {what}: {said.printed}")
            expect(
                mistake.reason in said.printed or is_silent(mistake.name, label),
                f"{mistake.name}: {label} prints no word of {mistake.reason!r}: {said.printed[-1500:]}",
            )


def expect_logged(trial, mistakes):
    """Also where a client shows nothing, the operator can read it."""
    refused = [event for event in trial.breakwater.events() if event.get("status", 0) >= 400]
    for event in refused:
        expect(event.get("reason"), f"a refusal without a reason: {event}")
    for mistake in mistakes:
        if mistake.plain:
            of_route = [event["reason"] for event in refused if event["route"] == mistake.route]
            expect(
                any(mistake.reason in reason for reason in of_route),
                f"{mistake.name}: no access line of {mistake.route} has {mistake.reason!r}: {of_route[:5]}",
            )


def expect_heads(trial, mistakes):
    """The first line of an answer to HEAD has the reason, and nobody is asked to log in."""
    for mistake in mistakes:
        if type(mistake) is not Pull or not mistake.plain:
            continue
        address = trial.addresses[mistake.route]
        repository, _, tag = mistake.image.rpartition(":")
        line = f"HEAD /v2/{repository}/manifests/{tag} HTTP/1.1"
        asked = f"{line}\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        head = web.dialogue(address, asked.encode(), 15).decode()
        expect(mistake.reason in head.split("\r\n")[0], f"HEAD for {mistake.name}: {head}")
        expect("www-authenticate" not in head.lower(), f"a client is asked to log in: {head}")


def expect_tls_apart(trial):
    """Clients that try TLS first are no malformed requests."""
    hellos = trial.breakwater.metric("breakwater_tls_on_plain_port_total", route="outside")
    malformed = trial.breakwater.metric("breakwater_malformed_requests_total")
    expect(hellos >= len(trial.clients), f"{hellos} ClientHellos were counted")
    expect(malformed == 0, f"{malformed} malformed requests were counted")


def main(world):
    trial = Trial(world)
    trial.by_all(lambda client: client.try_pull(trial.source))
    trial.make(MISTAKES)
    operator = Operator(trial.breakwater)
    operator.verb("read-only", "on")
    trial.make([READ_ONLY])
    operator.verb("read-only", "off")
    trial.disk.fill()
    trial.make([DISK_FULL])
    mistakes = [*MISTAKES, READ_ONLY, DISK_FULL]
    if "--record" in sys.argv:
        record(trial)
    expect_reasons(trial, mistakes)
    expect_logged(trial, mistakes)
    expect_heads(trial, mistakes)
    expect_tls_apart(trial)
    compare(world, trial)
    world.say(f"{len(mistakes)} mistakes with {len(trial.clients)} clients")
    trial.breakwater.stop()


if __name__ == "__main__":
    scenario(main)
