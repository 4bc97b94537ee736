"""Holds the manifests for Kubernetes against Kubernetes' own types, against each other, their README and
Breakwater, and runs what the DaemonSet runs on a node: kubernetes_test.py BREAKWATER."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "scenario"))
from harness import documents  # noqa: E402

README = "packaging/kubernetes/README.md"
MANIFESTS = sorted((ROOT / "packaging" / "kubernetes").glob("*.yaml"))
TYPES = ROOT / "test" / "packaging" / "node_modules" / "kubernetes-types"
TSC = ROOT / "routes" / "ops" / "page" / "node_modules" / ".bin" / "tsc"
OBJECTS = [one for file in MANIFESTS for one in yaml.safe_load_all(file.read_text())]
BREAKWATER_URL = "http://10.96.50.60:5060"
CONFIG_PATH = "config_path = '/etc/containerd/certs.d'\n"
MARK = "# Written by the DaemonSet breakwater-hosts."


def the(kind, name):
    (found,) = [one for one in OBJECTS if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def type_checked(objects):
    """What TypeScript says of them: unknown and missing fields, and wrong types."""
    with tempfile.TemporaryDirectory(dir=TYPES.parents[1]) as name:
        folder = pathlib.Path(name)
        lines = []
        for number, one in enumerate(objects):
            group = one["apiVersion"] if "/" in one["apiVersion"] else f"core/{one['apiVersion']}"
            kind = f"import('kubernetes-types/{group}').{one['kind']}"
            lines.append(f"export const object{number}: {kind} = {json.dumps(one, indent=1)};")
        folder.joinpath("objects.ts").write_text("\n".join(lines))
        settings = ["--noEmit", "--strict", "--module", "preserve", "--types", ""]
        done = subprocess.run(
            [TSC, *settings, "objects.ts"], cwd=folder, capture_output=True, text=True, timeout=300
        )
        return done.returncode, done.stdout + done.stderr


class Manifests(unittest.TestCase):
    binary = None

    def pod(self):
        return the("StatefulSet", "breakwater")["spec"]["template"]["spec"]

    def configuration(self):
        text = the("ConfigMap", "breakwater")["data"]["breakwater.json"]
        return text, json.loads(re.sub(r" //.*", "", text))

    def test_they_are_what_kubernetes_types_say(self):
        self.assertEqual(type_checked(OBJECTS), (0, ""))

    def test_the_types_find_an_unknown_field_and_a_wrong_one(self):
        for change in ({"replica": 1}, {"replicas": "1"}):
            wrong = json.loads(json.dumps(the("StatefulSet", "breakwater")))
            wrong["spec"].update(change)
            self.assertNotEqual(type_checked([wrong])[0], 0, change)

    def test_selectors_and_volumes_lead_to_what_is_there(self):
        for one in OBJECTS:
            spec = one.get("spec", {})
            if "template" not in spec:
                continue
            pod = spec["template"]["spec"]
            labels = spec["template"]["metadata"]["labels"]
            self.assertEqual(spec["selector"]["matchLabels"], labels)
            claims = spec.get("volumeClaimTemplates", [])
            there = [volume["name"] for volume in pod["volumes"]]
            there += [claim["metadata"]["name"] for claim in claims]
            mounts = [mount["name"] for box in pod["containers"] for mount in box["volumeMounts"]]
            self.assertEqual(sorted(there), sorted(mounts))
            for volume in pod["volumes"]:
                if "configMap" in volume:
                    the("ConfigMap", volume["configMap"]["name"])
        self.assertEqual(
            the("Service", "breakwater")["spec"]["selector"],
            the("StatefulSet", "breakwater")["spec"]["template"]["metadata"]["labels"],
        )

    def test_there_is_one_and_it_ends_in_order(self):
        self.assertEqual(the("StatefulSet", "breakwater")["spec"]["replicas"], 1)
        self.assertGreater(self.pod()["terminationGracePeriodSeconds"], 32)  # drain_timeout, and two seconds

    def test_the_configuration_is_right(self):
        text, settings = self.configuration()
        with tempfile.TemporaryDirectory() as name:
            file = pathlib.Path(name) / "breakwater.json"
            file.write_text(text)
            done = subprocess.run(
                [self.binary, "check-config", "--config", file], capture_output=True, text=True, timeout=60
            )
        self.assertEqual(done.returncode, 0, done.stderr)
        mounts = {one["name"]: one["mountPath"] for one in self.pod()["containers"][0]["volumeMounts"]}
        self.assertEqual(mounts["configuration"], "/etc/breakwater")
        self.assertTrue(settings["data"].startswith(mounts["data"] + "/"))
        claim = the("StatefulSet", "breakwater")["spec"]["volumeClaimTemplates"][0]["spec"]
        volume = int(claim["resources"]["requests"]["storage"].removesuffix("Gi"))
        self.assertLessEqual(int(settings["bytes_max"].removesuffix("GiB")), 0.9 * volume)

    def test_every_port_of_the_configuration_leads_through(self):
        _, settings = self.configuration()
        wanted = {route["name"]: route["listen"] for route in settings["routes"]}
        wanted.update(metrics=settings["metrics"]["listen"], page=settings["admin"]["listen"])
        wanted = {name: int(listen[0].rpartition(":")[2]) for name, listen in wanted.items()}
        box = self.pod()["containers"][0]
        service = the("Service", "breakwater")["spec"]
        self.assertEqual({one["name"]: one["containerPort"] for one in box["ports"]}, wanted)
        self.assertEqual({one["name"]: one["port"] for one in service["ports"]}, wanted)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertEqual(box[probe]["httpGet"]["port"], "metrics")
        hosts = the("DaemonSet", "breakwater-hosts")["spec"]["template"]["spec"]["containers"][0]
        environment = {one["name"]: one["value"] for one in hosts["env"]}
        self.assertEqual(environment["BREAKWATER"], f"http://{service['clusterIP']}:{wanted['any']}")
        self.assertEqual(environment["BREAKWATER"], BREAKWATER_URL)


class Commands(unittest.TestCase):
    """Of the README: what they name is what the manifests make. There is no cluster here."""

    binary = None

    def expect_object(self, namespace, kind, name):
        (found,) = [
            one
            for one in OBJECTS
            if (one["kind"].lower(), one["metadata"]["name"]) == (kind, name)
            and one["metadata"].get("namespace") == namespace
        ]
        return found

    def expect_command(self, words):
        self.assertEqual(words.pop(0), "kubectl")
        namespace = None
        if words[0] == "-n":
            namespace = words[1]
            del words[:2]
        verb, *rest = words
        if verb in ("apply", "delete"):
            self.assertEqual(rest[0], "-f")
            self.assertIn(rest[1], [file.name for file in MANIFESTS])
        elif verb == "rollout":
            self.assertEqual(rest[0], "status")
            self.expect_object(namespace, *rest[1].split("/"))
        elif verb == "set":
            self.assertEqual((rest[0], rest[2:]), ("env", ["REMOVE=yes"]))
            self.expect_object(namespace, *rest[1].split("/"))
        elif verb == "logs":
            labels = [one["spec"]["selector"]["matchLabels"] for one in OBJECTS if one["kind"] == "DaemonSet"]
            self.assertIn(dict([rest[1].split("=")]), labels)
        else:
            self.assertEqual((verb, rest[0], rest[1:3]), ("exec", "breakwater-0", ["--", "breakwater"]))
            self.expect_object(namespace, "statefulset", "breakwater")
            subprocess.run([self.binary, "help", *rest[3:]], check=True, capture_output=True, timeout=60)

    def test_they_name_what_there_is(self):
        install, reload = documents.blocks(README, "Inside of the cluster")
        spread, _, remove = documents.blocks(README, "The file on each node")
        for block in (install, reload, spread, remove):
            self.assertEqual(block.language, "sh")
            for line in block.text.splitlines():
                self.expect_command(shlex.split(line))


class Hosts(unittest.TestCase):
    """The script on a node, by busybox, as in the DaemonSet's image."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.host = pathlib.Path(self._folder.name) / "host"
        self.etc = self.host / "etc/containerd"
        self.etc.mkdir(parents=True)
        self.file = self.etc / "certs.d/_default/hosts.toml"
        self.script = pathlib.Path(self._folder.name) / "hosts.sh"
        self.script.write_text(the("ConfigMap", "breakwater-hosts")["data"]["hosts.sh"])
        self.tools = pathlib.Path(self._folder.name) / "bin"
        self.tools.mkdir()
        subprocess.run(["busybox", "--install", "-s", self.tools], check=True, timeout=60)

    def tearDown(self):
        self._folder.cleanup()

    def run_it(self, **environment):
        settings = {"HOST": str(self.host), "BREAKWATER": BREAKWATER_URL, "PATH": str(self.tools)}
        done = subprocess.run(
            [self.tools / "sh", self.script],
            env={**settings, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout

    def containerd_says(self, text, file="config.toml"):
        self.etc.joinpath(file).parent.mkdir(exist_ok=True)
        self.etc.joinpath(file).write_text(text)

    def expect_written(self, file=None):
        hosts = tomllib.loads((file or self.file).read_text())
        self.assertEqual(hosts, {"host": {BREAKWATER_URL: {"capabilities": ["pull", "resolve"]}}})

    def test_it_writes_the_file_once_and_anew_when_it_is_another(self):
        self.containerd_says("[plugins.'io.containerd.grpc.v1.cri'.registry]\n  " + CONFIG_PATH)
        self.assertEqual(self.run_it(), (0, "wrote /etc/containerd/certs.d/_default/hosts.toml\n"))
        self.expect_written()
        before = self.file.stat()
        self.assertEqual(self.run_it(), (0, ""))
        self.assertEqual(self.file.stat(), before)
        self.file.write_text(MARK + "\n")
        self.assertEqual(self.run_it()[0], 0)
        self.expect_written()
        self.assertEqual(os.listdir(self.file.parent), ["hosts.toml"])

    def test_what_the_readme_gives_for_containerd_is_understood(self):
        _, toml, _ = documents.blocks(README, "The file on each node")
        tables = tomllib.loads(toml.text)["plugins"].values()
        self.assertEqual([one["registry"]["config_path"] for one in tables], ["/etc/containerd/certs.d"])
        self.containerd_says(toml.text)
        self.assertEqual(self.run_it()[0], 0)
        self.expect_written()

    def test_it_says_that_nobody_reads_the_file_where_config_path_is_not_set(self):
        for text in ("", 'config_path = ""\n', '# config_path = "/etc/containerd/certs.d"\n'):
            self.containerd_says(text)
            status, said = self.run_it()
            self.assertEqual(status, 1, text)
            self.assertIn("set config_path in /etc/containerd/config.toml", said)
            self.expect_written()  # it counts as soon as it is set

    def test_it_looks_where_containerd_looks(self):
        self.containerd_says('config_path = "/etc/containerd/hosts:/etc/docker/certs.d"\n', "conf.d/a.toml")
        self.assertEqual(self.run_it()[0], 0)
        self.expect_written(self.etc / "hosts/_default/hosts.toml")

    def test_it_does_not_write_elsewhere_on_the_node(self):
        self.containerd_says('config_path = "/var/lib/rancher/certs.d"\n')
        status, said = self.run_it()
        self.assertEqual(status, 1)
        self.assertIn("/var/lib/rancher/certs.d", said)
        self.assertEqual(os.listdir(self.host), ["etc"])

    def test_it_believes_who_knows_better(self):
        self.assertEqual(self.run_it(CONFIG_PATH="/etc/containerd/certs.d")[0], 0)
        self.expect_written()

    def test_it_leaves_what_somebody_else_wrote_and_says_so(self):
        self.containerd_says(CONFIG_PATH)
        self.file.parent.mkdir(parents=True)
        self.file.write_text('[host."http://mirror.example"]\n')
        for environment in ({}, {"REMOVE": "yes"}):
            status, said = self.run_it(**environment)
            self.assertEqual(status, 1)
            self.assertIn("somebody else's", said)
            self.assertEqual(self.file.read_text(), '[host."http://mirror.example"]\n')

    def test_it_names_registries_that_have_a_file_of_their_own(self):
        self.containerd_says(CONFIG_PATH)
        other = self.etc / "certs.d/docker.io/hosts.toml"
        other.parent.mkdir(parents=True)
        other.write_text("")
        status, said = self.run_it()
        self.assertEqual(status, 0)
        self.assertIn("/etc/containerd/certs.d/docker.io/hosts.toml goes before Breakwater\n", said)

    def test_it_removes_what_it_wrote(self):
        self.containerd_says(CONFIG_PATH)
        self.run_it()
        self.assertEqual(self.run_it(REMOVE="yes"), (0, ""))
        self.assertFalse(self.file.exists())
        self.assertEqual(self.run_it(REMOVE="yes"), (0, ""))


if __name__ == "__main__":
    Manifests.binary = Commands.binary = sys.argv.pop(1)
    unittest.main()
