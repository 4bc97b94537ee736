"""Holds the documents against Breakwater and the repository: configurations are valid, commands are known,
links lead somewhere, and what clients are said to print they do print: documents_test.py BREAKWATER."""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "scenario"))
from harness import documents  # noqa: E402

ACCESS = "packaging/docs/access.md"
COMMANDS = "packaging/docs/commands.md"
LOG = "packaging/docs/log.md"
MIRRORS = "packaging/docs/mirrors.md"
PAGE = "packaging/docs/page.md"
PROXIES = "packaging/docs/proxies.md"
WEBHOOKS = "packaging/docs/webhooks.md"
MIRROR = {"registry": "docker.io", "upstream": "https://registry-1.docker.io"}
USERS = ("alice", "bob", "release")
PASSWORD = "$2y$05$" + "C" * 53  # bcrypt, of nobody's password
VERB = re.compile(r"(?<!-n )(?<!exec )\bbreakwater ((?:[a-z][a-z-]*)(?: (?:create|list|revoke))?)\b")


def text_of(document):
    return (ROOT / document).read_text()


def inline_commands(document):
    """What stands between backticks and begins with `breakwater` and a verb, outside of blocks."""
    return [span for span in documents.spans(document, "") if VERB.search(span)]


def anchors(document):
    """As GitHub makes them of headings."""
    names = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(document)]
    return set(names)


def headings(document):
    return [heading for heading, _ in documents.sections(text_of(document)) if heading]


class Configurations(unittest.TestCase):
    """Each block of JSON, in its place in a configuration whose files are there."""

    binary = None

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.etc = pathlib.Path(self._folder.name)
        quiet = {"check": True, "capture_output": True, "timeout": 60, "cwd": self.etc}
        request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x"
        subprocess.run(["openssl", *request.split(), "-keyout", "tls.key", "-out", "tls.pem"], **quiet)
        self.etc.joinpath("tls.key").chmod(0o600)
        self.etc.joinpath("clients.pem").write_bytes(self.etc.joinpath("tls.pem").read_bytes())
        public = subprocess.run(["openssl", "pkey", "-in", "tls.key", "-pubout"], **quiet).stdout
        for name in ("cosign.pub", "team.pub", "team-next.pub"):
            self.etc.joinpath(name).write_bytes(public)
        for name in ("hook", "dockerhub"):
            self.etc.joinpath(name).write_text("secret\n")
            self.etc.joinpath(name).chmod(0o600)
        self.etc.joinpath("users").write_text("".join(f"{name}:{PASSWORD}\n" for name in USERS))
        self.etc.joinpath("users").chmod(0o600)

    def tearDown(self):
        self._folder.cleanup()

    def check(self, block, route=None, top=None):
        users = {"htpasswd_file": "/etc/breakwater/users", "groups": {"ops": ["alice"], "ci": ["bob"]}}
        settings = {
            "data": f"{self.etc}/data",
            "users": users,
            "routes": [route or {"name": "one", "listen": "127.0.0.1:0", "mirror": MIRROR}],
            **(top or {}),
        }
        file = self.etc / "breakwater.json"
        file.write_text(json.dumps(settings).replace("/etc/breakwater", str(self.etc)))
        done = subprocess.run(
            [self.binary, "check-config", "--config", file], capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.returncode, 0, f"{block.text}\n{done.stderr}")

    def check_top(self, block):
        self.check(block, top=documents.members(block))

    def check_of_registry(self, block):
        route = {"name": "one", "listen": "127.0.0.1:0", "registry": {}}
        self.check(block, route={**route, **documents.members(block)})

    def test_rules_and_signatures(self):
        (rules,) = documents.blocks(ACCESS, "Rules")
        self.check_of_registry(rules)
        signed, signers = documents.blocks(ACCESS, "Only what is signed")
        self.check_of_registry(signed)
        self.check_of_registry(signers)

    def test_tokens_of_jobs(self):
        (jobs,) = documents.blocks(ACCESS, "Users and tokens")
        self.check_top(jobs)

    def test_tls(self):
        (route,) = documents.blocks(ACCESS, "TLS")
        self.check(route, route=documents.members(route))

    def test_upstreams(self):
        (upstreams,) = documents.blocks(MIRRORS, "Several upstreams")
        mirror = {**MIRROR, **documents.members(upstreams)}
        self.check(upstreams, route={"name": "one", "listen": "127.0.0.1:0", "mirror": mirror})

    def test_page_and_webhooks(self):
        (page,) = documents.blocks(PAGE, "The page")
        self.check_top(page)
        (hooks,) = documents.blocks(WEBHOOKS, "Telling others")
        self.check_top(hooks)

    def test_proxies(self):
        (trusted,) = documents.blocks(PROXIES, "Behind a proxy")
        self.check_top(trusted)
        route, _ = documents.blocks(PROXIES, "A proxy of TCP")
        self.check(route, route=documents.members(route), top={"trusted_proxies": ["127.0.0.1"]})

    def test_a_mistake_would_be_found(self):
        wrong = documents.Block("json", '"trusted_proxies": ["everybody"]')
        with self.assertRaises(AssertionError):
            self.check_top(wrong)


class Commands(unittest.TestCase):
    """Every verb and option that a document names is one of the program's."""

    binary = None
    _help = {}

    def help_of(self, verb):
        if verb not in self._help:
            done = subprocess.run(
                [self.binary, "help", *verb.split()], capture_output=True, text=True, timeout=60
            )
            self._help[verb] = done.stdout if done.returncode == 0 else None
        return self._help[verb]

    def expect_known(self, command, where):
        for part in re.split(r"\s*(?:\||&&|;)\s*", command):
            found = VERB.search(part)
            if not found:
                continue
            told = self.help_of(found.group(1)) or self.help_of(found.group(1).split()[0])
            self.assertIsNotNone(told, f"{where}: there is no verb {found.group(1)}: {command}")
            for option in re.findall(r"(?<!\S)\[?(--[a-z-]+)", part[found.end() :]):
                self.assertRegex(told, rf"\s{option}\b", f"{where}: {command}")

    def test_those_in_the_text(self):
        count = 0
        for document in documents.names():
            for command in inline_commands(document):
                self.expect_known(command, document)
                count += 1
        self.assertGreater(count, 30)

    def test_those_in_blocks(self):
        for document in documents.names():
            for _, lines in documents.sections(text_of(document)):
                for block in documents.blocks_of(lines):
                    for line in block.text.replace("\\\n", " ").splitlines():
                        self.expect_known(line, document)

    def test_the_table_has_every_verb_and_no_other(self):
        (table,) = documents.blocks(COMMANDS, "The commands, and the API")
        synopses = [line[:42] if line[42:44] == "  " else line for line in table.text.splitlines()]
        told = [line for line in synopses if line[:1].strip()]
        named = set()
        for line in told:
            for part in line.split(", ") if line.count(",") and "[" not in line.split(",")[0] else [line]:
                named.add(part.split()[0])
            self.expect_known("breakwater " + line, COMMANDS)
        named |= {"abort-upload", "unpin", "pins", "manual", "completion", "version"} & set(
            re.findall(r"[a-z-]+", " ".join(told))
        )
        whole = subprocess.run([self.binary, "--help"], capture_output=True, text=True, timeout=60).stdout
        verbs = set(re.findall(r"^  ([a-z][a-z-]*)  ", whole.partition("Subcommands:")[2], re.M))
        self.assertEqual(named, verbs)

    def test_an_option_that_there_is_not_would_be_found(self):
        for wrong in ("breakwater importe --from x", "breakwater import --form x"):
            with self.assertRaises(AssertionError):
                self.expect_known(wrong, "here")


class Texts(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for document in [*documents.names(), "CONTRIBUTING.md"]:
            text = re.sub(r"^```.*?^```$", "", text_of(document), flags=re.M | re.S)
            text = re.sub(r"`[^`\n]*`(?!\])", "", text)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if target.startswith("https://"):
                    continue
                path, _, anchor = target.partition("#")
                file = (ROOT / document).parent / path if path else ROOT / document
                self.assertTrue(file.exists(), f"{document}: {target}")
                if anchor:
                    there = anchors(file.resolve().relative_to(ROOT).as_posix())
                    self.assertIn(anchor, there, f"{document}: {target}")

    def test_paths_of_the_repository_are_there(self):
        folders = "conf|packaging|proxy|routes|store|test"
        for document in [*documents.names(), "CONTRIBUTING.md"]:
            for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", text_of(document)):
                self.assertTrue((ROOT / path).exists(), f"{document}: {path}")

    def test_every_document_is_in_the_index_and_in_the_readme(self):
        for index, folder in (("packaging/docs/README.md", ""), ("README.md", "packaging/docs/")):
            for file in (ROOT / "packaging" / "docs").glob("*.md"):
                if file.name != "README.md":
                    self.assertIn(f"({folder}{file.name})", text_of(index), index)

    def test_clients_print_what_the_document_says(self):
        recorded = "".join(
            file.read_text() for file in (ROOT / "test/scenario/data/mistakes").glob("*.txt")
        )
        phrases = re.findall(r"^- \*\*`(.+?)`\*\*", text_of("packaging/docs/troubleshooting.md"), re.M)
        self.assertGreater(len(phrases), 10)
        for phrase in phrases:
            self.assertIn(phrase, recorded)

    def test_lines_of_the_audit_have_its_fields(self):
        (block,) = documents.blocks(LOG, "Who did what")
        source = (ROOT / "routes" / "ops" / "audit.cc").read_text()
        lines = [json.loads(line) for line in re.sub(r"\n(?!\{)", "", block.text).strip().splitlines()]
        self.assertEqual([one["what"] for one in lines], ["push", "rm"])
        for one in lines:
            for field in one:
                self.assertIn(f'"{field}"', source)

    def test_traefik_removes_what_clients_say_of_themselves(self):
        (block,) = documents.blocks(PROXIES, "Traefik")
        http = yaml.safe_load(block.text)["http"]
        router = http["routers"]["registry"]
        (middleware,) = router["middlewares"]
        self.assertEqual(
            http["middlewares"][middleware]["headers"], {"customRequestHeaders": {"Forwarded": ""}}
        )
        self.assertTrue(http["services"][router["service"]]["loadBalancer"]["passHostHeader"])

    def test_the_readme_builds_as_the_quick_start_does(self):
        (block,) = documents.blocks("README.md", "On a machine of its own")
        install, configure, build = (shlex.split(line) for line in block.text.splitlines())
        for path in install:
            self.assertTrue((ROOT / path).is_file(), path)
        quick = text_of("packaging/run")
        self.assertIn(" ".join(configure) + " $launcher", quick)
        self.assertIn(" ".join(build), quick)

    def test_the_picture_is_small_and_drawn_by_hand(self):
        text = text_of("packaging/docs/picture.svg")
        self.assertLess(len(text), 8000)
        self.assertIn("prefers-color-scheme: dark", text)


if __name__ == "__main__":
    Configurations.binary = Commands.binary = sys.argv.pop(1)
    unittest.main()
