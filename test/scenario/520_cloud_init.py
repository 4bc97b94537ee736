"""packaging/cloud-init.yaml on a Debian for clouds that systemd has booted, with an empty disk: from nothing
to a registry that serves, and is closed to others. The next boot changes nothing; another machine with the
same disk has what was pushed; a disk that has something else is left as it is."""

import base64
import hashlib
import re

import yaml

from harness import documents, expect, http as web, images, scenario
from harness.clients import Skopeo
from harness.cloud import TEMPLATE, CloudBreakwater, Disk, image, templatefile, variables
from harness.packaged import package
from harness.pushes import held
from harness.upstream import MadeUpstream
from harness.world import ROOT, Failure

DOCUMENT = "packaging/docs/cloud-init.md"

MIRRORS = {"dockerhub": 5000, "ghcr": 5010, "quay": 5020, "k8s": 5030, "kyverno": 5040}
PORTS = {**MIRRORS, "private": 5050, "any": 5060}
REGISTRY = "127.0.0.1:5050"
# The private registry asks who it is, and lets whoever is nobody pull.
SERVED = {port: "401" if route == "private" else "200" for route, port in PORTS.items()}
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMzS5kUmWmVnLkSj3lGtvDqyqPiwjv4PKlkUeXGZlL0J me@example"
CI, HUB = ("ci", "pushes-4482-barnacle"), ("me", "hub-7713-limpet")
# By the last octet but one of the machine's address and of the client's.
CLIENTS, ADMINS, OTHERS = 1, 2, 3


def values(world, disk, url):
    hashed = world.run("htpasswd", "-Bbn", *CI).strip().partition(":")[2]
    return {
        "package_url": f"{url}/{package().name}",
        "package_sha256": hashlib.sha256(package().read_bytes()).hexdigest(),
        "data_disk": disk.device,
        "fqdn": "breakwater.internal",
        "ssh_key": SSH_KEY,
        "networks": f"10.77.{CLIENTS}.0/24, 10.78.0.0/16, 10.78.4.0/24",
        "admin_networks": f"10.77.{ADMINS}.0/24",
        "ci_hash": hashed,
        "hub_user": HUB[0],
        "hub_password": HUB[1],
    }


def the_template(breakwater, given):
    text = TEMPLATE.read_text()
    documented = {line.split()[1] for line in text.splitlines() if line.startswith("#   ") and line[4] != " "}
    expect(documented == variables(text), f"its head explains {documented}, it has {variables(text)}")
    for wrong in ({**given, "more": ""}, {key: given[key] for key in given if key != "fqdn"}):
        try:
            templatefile(text, wrong)
        except Failure:
            continue
        raise Failure("a variable too many or too few is not found")
    for one, told in ((text, "Valid"), (breakwater.user_data, "Valid"), (text + "mounts: 5\n", "Error")):
        said = breakwater.schema(one)
        expect(told in said, f"cloud-init schema says of it, instead of {told}: {said}")


def the_document(world, breakwater, given):
    """Its values are all that the template wants, and with these its line fills it in as Terraform does."""
    (call,) = documents.blocks(DOCUMENT, "By Terraform")
    named = re.findall(r"^    (\w+) +=", call.text, re.M)
    expect(sorted(named) == sorted(given), f"templatefile is given {named}")
    file = re.search(r'templatefile\("(.*?)"', call.text).group(1)
    expect(file == TEMPLATE.name, f"templatefile takes {file}")
    (proxmox,), (libvirt,) = documents.blocks(DOCUMENT, "Proxmox"), documents.blocks(DOCUMENT, "libvirt")
    for block, key in ((proxmox, "data     "), (libvirt, "user_data")):
        expect(f" {key} = local.breakwater\n" in block.text, f"it does not take the template: {block.text}")
        for opens, closes in ("{}", "[]", "()"):
            same = block.text.count(opens) == block.text.count(closes)
            expect(same, f"{opens} is not closed: {block.text}")
        # What is referred to is there.
        there = set(re.findall(r'^resource "(\w+)" "(\w+)"', block.text, re.M))
        used = set(re.findall(r"(?<![\w.\"])((?:proxmox|libvirt)_\w+)\.(\w+)\.", block.text))
        expect(there and used <= there, f"{used - there} is nowhere")
    substitutions, fill_in = documents.blocks(DOCUMENT, "Without Terraform")
    folder = world.fresh_folder("values")
    lines = re.sub(
        r"^s\|\$\{(\w+)\}\|.*\|$",
        lambda found: f"s|${{{found.group(1)}}}|{given[found.group(1)]}|",
        substitutions.text,
        flags=re.M,
    )
    folder.joinpath("values.sed").write_text(lines)
    folder.joinpath("packaging").symlink_to(ROOT / "packaging")
    world.run("sh", "-ec", f"cd {folder}\n{fill_in.text}")
    filled = folder.joinpath("user-data").read_text()
    # The head of the file explains the variables, and has none.
    expect(filled == breakwater.user_data, "it is filled in otherwise than by Terraform")


def scraped(world):
    """The jobs of the document, by their addresses on this machine."""
    (block,) = documents.blocks(DOCUMENT, "Name, metrics")
    config = world.fresh_folder("prometheus") / "prometheus.yml"
    config.write_text(block.text)
    world.run("promtool", "check", "config", config)
    for job in yaml.safe_load(block.text)["scrape_configs"]:
        for target in job["static_configs"][0]["targets"]:
            name, _, port = target.partition(":")
            expect(name == "breakwater.internal", f"{job['job_name']} is at {target}")
            expect(web.get(f"127.0.0.1:{port}", "/metrics").status == 200, f"{target} has no metrics")


def looked_at(breakwater):
    """As the document says, by an account that may do anything."""
    look, again = documents.blocks(DOCUMENT, "What happened")
    text, doctor, _ = look.text.replace("sudo ", "").rpartition("breakwater doctor\n")
    said = breakwater.machine.run("sh", "-ec", text)
    expect("status: done" in said, said)
    # The registries outside are out of reach here.
    found = breakwater.machine.run("sh", "-c", doctor, check=False)
    wrong = [line for line in found.splitlines() if line.startswith("wrong")]
    others = [line for line in wrong if line.split()[1] not in ("dns", "upstream")]
    expect(wrong and not others, found)
    breakwater.machine.run("sh", "-ec", again.text.replace("sudo ", ""), timeout_s=300)


def changed(breakwater):
    """By the commands in the text that change nothing by themselves."""
    commands = [one for one in documents.spans(DOCUMENT, "systemctl ") if " reload " in one]
    expect(len(commands) == 2, f"{commands}")
    for command in commands + documents.spans(DOCUMENT, "resize2fs "):
        if command.startswith("resize2fs"):
            command = command.replace("/dev/disk/by-label/breakwater", breakwater.disk.device)
        breakwater.machine.run("sh", "-ec", command)


def made(breakwater):
    status, errors = breakwater.status()
    expect((status, errors) == ("done", []), f"cloud-init is {status}: {errors}\n{breakwater.said()}")


def the_disk(breakwater):
    disk = breakwater.disk
    expect((disk.field("TYPE"), disk.field("LABEL")) == ("ext4", "breakwater"), "the disk is not formatted")
    mounted = breakwater.mounted()
    expect(mounted.startswith(f"{disk.device} ext4 ") and "noatime" in mounted, f"mounted is {mounted}")


def it_serves(breakwater):
    for route, port in PORTS.items():
        status = str(web.get(f"127.0.0.1:{port}", "/v2/").status)
        expect(status == SERVED[port], f"{route} answers {status}")
    expect(web.get("127.0.0.1:5001", "/readyz").status == 200, "it is not ready")
    text = web.get("127.0.0.1:9100", "/metrics").body.decode()
    expect("node_filesystem_size_bytes" in text, f"the node exporter says {text[:200]}")
    journal = breakwater.process.text()
    expect("listener_closed" not in journal, "the socket unit has an address that nobody wants")
    listening = breakwater.machine.show("breakwater.socket", "Listen")
    expect(listening.count("0.0.0.0:") == len(PORTS) + 2, f"systemd holds {listening}")
    status = breakwater.machine.run("breakwater", "status")
    expect("private" in status, status)


def pull(world, breakwater, hub, name):
    breakwater.mirror(hub.url)
    Skopeo(world, {"docker.io": "127.0.0.1:5000"}).pull(f"docker.io/{name}")


def authorization():
    return {"Authorization": "Basic " + base64.b64encode(":".join(CI).encode()).decode()}


def pushed(world):
    """By ci, and by nobody else; everybody pulls it."""
    begin = "/v2/team/app/blobs/uploads/"
    expect(web.ask(REGISTRY, "POST", begin).status == 401, "anybody may push")
    expect(web.ask(REGISTRY, "POST", begin, authorization()).status == 202, "ci may not push")
    source = world.registry(name="source")
    one = images.single("cloud", [200_000])
    source.push("team/app", "1", one)
    Skopeo(world, {}, [source.address, REGISTRY]).copy(
        f"{source.address}/team/app:1", f"{REGISTRY}/team/app:1", f"--dest-creds={':'.join(CI)}"
    )
    source.stop()
    return one


def still_there(one):
    expect(held(REGISTRY, "team/app", "1").blobs == one.blobs, "what was pushed is another")


def secrets(world, breakwater, given):
    etc = breakwater.machine.root / "etc/breakwater"
    files = ("/etc/breakwater/users", "/etc/breakwater/dockerhub")
    said = breakwater.machine.run("stat", "--format=%U:%G %a", *files)
    expect(said.split("\n")[:2] == ["root:breakwater 640"] * 2, f"the secrets are {said}")
    expect((etc / "dockerhub").read_text().strip() == HUB[1], "the account's password is another")
    readable = breakwater.everybody_reads("registry.k8s.io")
    expect("/etc/breakwater/breakwater.json" in readable, f"what every user may read is {readable}")
    for secret in (HUB[1], given["ci_hash"], CI[1]):
        readable = breakwater.everybody_reads(secret)
        expect(not readable, f"every user reads a secret in {readable}")
        expect(secret not in breakwater.process.text(), "a secret is in the journal")
        expect(secret not in breakwater.said(), "a secret is in cloud-init's log")


class Client:
    """Another machine, with an address in each of the three networks."""

    def __init__(self, world):
        self.world = world
        world.run("ip", "netns", "add", "client")
        pair = ["veth-machine", "type", "veth", "peer", "name", "veth-client", "netns", "client"]
        world.run("ip", "link", "add", *pair)
        inside = ["ip", "netns", "exec", "client"]
        for prefix, device, end in (([], "veth-machine", 1), (inside, "veth-client", 2)):
            for network in (CLIENTS, ADMINS, OTHERS):
                world.run(*prefix, "ip", "address", "add", f"10.77.{network}.{end}/24", "dev", device)
            world.run(*prefix, "ip", "link", "set", device, "up")
        self._curl = [*inside, "curl", "--silent", "--show-error", "--max-time", "5", "--output", "/dev/null"]

    def ask(self, network, port, path="/", *options):
        """The status that it is answered; "refused" if that comes at once, or "silence"."""
        said = self.world.run(
            *self._curl, *options, "--write-out", "%{http_code} %{exitcode}",
            f"http://10.77.{network}.1:{port}{path}", check=False,
        )
        status, _, code = said.splitlines()[-1].rpartition(" ")
        if code == "0":
            return status
        return {"7": "refused", "28": "silence"}.get(code, said)


def closed_to_others(world, breakwater):
    ruleset = breakwater.machine.run("nft", "list", "ruleset")
    expect("policy drop" in ruleset and f"10.77.{ADMINS}.0/24" in ruleset, f"the ruleset is {ruleset}")
    client = Client(world)
    for port in PORTS.values():
        answers = [client.ask(network, port, "/v2/") for network in (CLIENTS, ADMINS, OTHERS)]
        expect(answers == [SERVED[port]] * 2 + ["refused"], f"port {port} answers {answers}")
    for port, path in ((5001, "/metrics"), (9100, "/metrics"), (8080, "/")):
        answers = [client.ask(network, port, path) for network in (CLIENTS, ADMINS, OTHERS)]
        expect(answers == ["refused", "200", "refused"], f"port {port} answers {answers}")
    answers = [client.ask(network, 22, "/", "--http0.9") for network in (CLIENTS, ADMINS, OTHERS)]
    expect(answers[::2] == ["refused"] * 2 and answers[1] != "refused", f"ssh answers {answers}")
    page = ["--header", "Accept-Language: en", "--header"]
    by_name = client.ask(ADMINS, 8080, "/", *page, "Host: breakwater.internal:8080")
    by_another = client.ask(ADMINS, 8080, "/", *page, "Host: elsewhere.example:8080")
    expect((by_name, by_another) == ("200", "403"), f"a browser is answered {by_name}, {by_another}")


def as_it_is(breakwater):
    """What no boot may change."""
    root = breakwater.machine.root
    files = ["etc/fstab", "etc/nftables.conf"]
    files += [path.relative_to(root) for path in sorted((root / "etc/breakwater").iterdir())]
    return breakwater.disk.field("UUID"), {path: (root / path).read_bytes() for path in files}


def a_package_that_is_another(breakwater, given):
    """Is not installed, whatever it is."""
    script = (breakwater.machine.root / "usr/local/sbin/breakwater-setup").read_text()
    other = script.replace(given["package_sha256"], "0" * 64)
    expect(other != script, "the checksum is not there")
    said = breakwater.machine.run("sh", "-c", f"{other}\necho installed", check=False)
    expect("did NOT match" in said and "check-config" not in said, said)


def main(world):
    tree = image(world)
    deb = package().read_bytes()
    server = MadeUpstream(world, lambda path: (200, "binary/deb", deb) if path.endswith(".deb") else None)
    disk = Disk(world, 4 << 30)
    given = values(world, disk, server.url)
    for secret in (CI[1], HUB[1], given["ci_hash"]):
        world.secrets.add(secret)

    breakwater = CloudBreakwater(world, tree, disk, given, "first")
    the_template(breakwater, given)
    the_document(world, breakwater, given)
    # One of the mirrors of Debian is away.
    away = breakwater.machine.root / "etc/apt/sources.list.d/away.list"
    away.write_text(f"deb [trusted=yes] {server.url}/debian away main\n")
    breakwater.boot()
    made(breakwater)
    the_disk(breakwater)
    it_serves(breakwater)
    scraped(world)
    hub = world.registry(auth=("htpasswd", *HUB), name="hub")
    open_hub = world.registry(storage=hub.storage, name="open-hub")
    open_hub.push("library/first", "1", images.single("first", [100_000]))
    pull(world, breakwater, hub, "library/first:1")
    one = pushed(world)
    secrets(world, breakwater, given)
    closed_to_others(world, breakwater)
    before = as_it_is(breakwater)
    looked_at(breakwater)
    changed(breakwater)
    expect(as_it_is(breakwater) == before, "breakwater-setup changes what it has done")

    breakwater.machine.power_off()
    breakwater.boot()
    made(breakwater)
    expect(as_it_is(breakwater) == before, "the second boot changes something")
    the_disk(breakwater)
    it_serves(breakwater)
    still_there(one)
    breakwater.machine.power_off()

    # Without an account, too.
    given |= {"hub_user": "", "hub_password": ""}
    breakwater = CloudBreakwater(world, tree, disk, given, "second")
    breakwater.boot()
    made(breakwater)
    expect(disk.field("UUID") == before[0], "the disk of the machine before is formatted")
    it_serves(breakwater)
    still_there(one)
    a_package_that_is_another(breakwater, given)
    it_serves(breakwater)
    breakwater.machine.power_off()

    other = Disk(world, 64 << 20)
    world.run("mkfs.ext4", "-q", "-L", "photographs", other.device)
    breakwater = CloudBreakwater(world, tree, other, {**given, "data_disk": other.device}, "third")
    breakwater.boot()
    status, errors = breakwater.status()
    told = status == "error" and "left as it is" in breakwater.said()
    expect(told, f"{status}: {errors}\n{breakwater.said()}")
    expect(other.field("LABEL") == "photographs", "a disk that is somebody else's is formatted")
    expect(breakwater.version() == "", "it is installed without its disk")


if __name__ == "__main__":
    scenario(main)
