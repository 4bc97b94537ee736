"""Looks at the container image that packaging/image/build made of a package: image_test.py FOLDER PACKAGE."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test" / "scenario"))
from harness import documents  # noqa: E402

BUILD = TOP / "packaging/image/build"


def field(package, name):
    return subprocess.check_output(["dpkg-deb", "--field", package, name], text=True).strip()


class Image(unittest.TestCase):
    folder = package = None

    @classmethod
    def setUpClass(cls):
        cls.file = cls.only(cls.folder)
        cls.archive = tarfile.open(cls.file)
        (cls.image,) = json.loads(cls.archive.extractfile("manifest.json").read())
        cls.config = json.loads(cls.archive.extractfile(cls.image["Config"]).read())
        (layer,) = cls.image["Layers"]
        cls.layer = tarfile.open(fileobj=cls.archive.extractfile(layer))
        cls.members = {one.name: one for one in cls.layer.getmembers()}

    @classmethod
    def tearDownClass(cls):
        cls.archive.close()

    @staticmethod
    def only(folder):
        (file,) = pathlib.Path(folder).glob("breakwater_*.tar")
        return file

    def text(self, name):
        return self.layer.extractfile(name).read().decode()

    def test_it_says_how_it_is_run(self):
        said = self.config["config"]
        self.assertEqual(said["User"], "65534:65534")
        self.assertEqual(said["Entrypoint"] + said["Cmd"], ["breakwater", "serve"])
        self.assertEqual(said["StopSignal"], "SIGTERM")
        self.assertEqual(list(said["Volumes"]), ["/var/lib/breakwater"])
        self.assertEqual(said["Healthcheck"]["Test"], ["CMD", "breakwater", "status"])
        socket = TOP.joinpath("packaging/breakwater.socket").read_text()
        ports = {f"{port}/tcp" for port in re.findall(r"ListenStream=.*:(\d+)", socket)}
        self.assertEqual(set(said["ExposedPorts"]), ports)
        version = field(self.package, "Version")
        self.assertEqual(said["Labels"]["org.opencontainers.image.version"], version)
        self.assertIn("localhost/breakwater:latest", self.image["RepoTags"])
        self.assertEqual(self.config["architecture"], field(self.package, "Architecture"))

    def test_nothing_is_in_it_but_what_runs(self):
        programs = [name for name, one in self.members.items() if one.isfile() and one.mode & 0o111]
        others = [name for name in programs if not re.search(r"\.so(\.|$)", name)]
        self.assertEqual(others, ["usr/bin/breakwater"])
        allowed = r"(etc|lib|lib64|tmp|usr|var)(/|$)"
        self.assertEqual([name for name in self.members if not re.match(allowed, name)], [])

    def test_nobody_can_write_to_it_but_to_its_volume(self):
        for name, one in self.members.items():
            owner = 65534 if name == "var/lib/breakwater" else 0
            self.assertEqual((one.uid, one.gid), (owner, owner), name)
            self.assertFalse(one.mode & 0o6000, name)
            if not one.issym() and name != "tmp":
                self.assertFalse(one.mode & 0o022, name)
        self.assertEqual(self.members["var/lib/breakwater"].mode & 0o7777, 0o700)

    def test_its_program_is_that_of_the_package(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "--extract", self.package, folder], check=True)
            program = pathlib.Path(folder, "usr/bin/breakwater").read_bytes()
        self.assertEqual(self.layer.extractfile("usr/bin/breakwater").read(), program)

    def test_its_configuration_is_that_of_the_package_but_for_who_reaches_metrics_and_page(self):
        config = subprocess.check_output(
            f"dpkg-deb --fsys-tarfile '{self.package}' | tar -xO ./etc/breakwater/breakwater.json",
            shell=True,
            text=True,
        ).splitlines()
        ours = self.text("etc/breakwater/breakwater.json").splitlines()
        self.assertEqual(len(config), len(ours))
        changed = [(one, other) for one, other in zip(config, ours) if one != other]
        for one, other in changed:
            self.assertEqual(one.replace("127.0.0.1:", "0.0.0.0:"), other)
        self.assertEqual(len(changed), 2)

    def test_scanners_are_told_what_it_consists_of(self):
        told = [name for name in self.members if name.startswith("var/lib/dpkg/status.d/")]
        for name in told:
            status = self.text(name)
            package = name.rpartition("/")[2]
            self.assertIn(f"Package: {package}\nStatus: install ok installed\n", status)
            self.assertRegex(status, r"(?m)^Version: \S+$")
            self.assertIn(f"usr/share/doc/{package}/copyright", self.members)
        names = {name.rpartition("/")[2] for name in told}
        self.assertLessEqual({"base-files", "ca-certificates", "libc6", "libstdc++6"}, names)
        self.assertFalse(names & {"openssl", "debconf", "perl-base", "dpkg"})
        self.assertIn("debian", self.text("usr/lib/os-release"))
        parts = json.loads(self.text("usr/share/breakwater/breakwater.spdx.json"))
        self.assertEqual(parts["spdxVersion"], "SPDX-2.3")

    def test_it_trusts_the_authorities_that_debian_trusts(self):
        certificates = self.text("etc/ssl/certs/ca-certificates.crt")
        self.assertGreater(certificates.count("-----BEGIN CERTIFICATE-----"), 100)
        self.assertIn("ISRG", self.name_of_authorities(certificates))

    def name_of_authorities(self, certificates):
        asked = ["openssl", "storeutl", "-noout", "-text", "-certs", "/dev/stdin"]
        return subprocess.run(asked, input=certificates, capture_output=True, text=True, check=True).stdout

    def test_the_guide_has_the_command(self):
        (block,) = documents.blocks("packaging/image/README.md", "Build")
        self.assertEqual(TOP / block.text.strip(), BUILD)

    def test_a_mistake_is_named(self):
        for arguments, said in (
            (["--surprise"], "unknown argument --surprise"),
            (["--out"], "--out needs a value"),
            (["--package", "/nowhere.deb"], "there is no /nowhere.deb"),
        ):
            done = subprocess.run([BUILD, *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)

    @unittest.skipUnless(os.environ.get("BREAKWATER_FULL"), "in the full run")
    def test_two_builds_have_one_layer(self):
        with tempfile.TemporaryDirectory() as folder:
            again = [BUILD, "--out", folder, "--package", self.package]
            subprocess.run(again, check=True, capture_output=True)
            with tarfile.open(self.only(folder)) as archive:
                (image,) = json.loads(archive.extractfile("manifest.json").read())
                self.assertEqual(image["Layers"], self.image["Layers"])
                (layer,) = image["Layers"]
                digest = hashlib.sha256(archive.extractfile(layer).read()).hexdigest()
                self.assertEqual(layer, f"{digest}.tar")


if __name__ == "__main__":
    Image.folder = sys.argv.pop(1)
    Image.package = sys.argv.pop(1)
    unittest.main()
