"""Looks at the Debian package that packaging/deb/build made: package_test.py FOLDER."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

TOP = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((TOP / "test/packaging/data/spdx-2.3.schema.json").read_text())
CONTROL = (TOP / "packaging/deb/debian/control").read_text()


def run(*arguments, check=True, env=None, timeout_s=600):
    done = subprocess.run(
        [str(one) for one in arguments], capture_output=True, text=True, timeout=timeout_s, env=env
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def names(text):
    """Of a list of packages as packaging/packages is, or as a field of debian/control."""
    lines = re.sub(r"#.*|\(.*?\)|,", " ", text).split()
    return {re.split(r"[?|]", name)[0] for name in lines}


class Package(unittest.TestCase):
    folder = None

    @classmethod
    def setUpClass(cls):
        (cls.deb,) = cls.folder.glob("breakwater_*.deb")
        (cls.changes,) = cls.folder.glob("breakwater_*.changes")
        cls.version = run("dpkg-deb", "--field", cls.deb, "Version").strip()
        cls._unpacked = tempfile.TemporaryDirectory()
        cls.tree = pathlib.Path(cls._unpacked.name)
        run("dpkg-deb", "--raw-extract", cls.deb, cls.tree)
        cls.sbom = json.loads(cls.tree.joinpath("usr/share/breakwater/breakwater.spdx.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls._unpacked.cleanup()

    def test_lintian_finds_nothing(self):
        said = run("lintian", "--allow-root", "--profile=debian", self.changes, check=False)
        self.assertEqual(said, "")

    def test_each_override_is_explained(self):
        for file in (TOP / "packaging/deb/debian").glob("*lintian-overrides"):
            before = ""
            for line in file.read_text().splitlines():
                if line and not line.startswith("#"):
                    self.assertTrue(before.startswith("#"), f"{file.name}: {line}")
                before = line

    def test_its_dependencies_are_found(self):
        depends = run("dpkg-deb", "--field", self.deb, "Depends")
        for library in ("libc6", "libcurl4", "librocksdb", "libssl3", "libsystemd0"):
            self.assertRegex(depends, rf"\b{library}\S* \(>= ")
        self.assertNotRegex(CONTROL.partition("\n\n")[2], r"(?m)^ lib")

    def test_nobody_is_asked_anything(self):
        of_dpkg = {path.name for path in self.tree.joinpath("DEBIAN").iterdir()}
        self.assertFalse(of_dpkg & {"config", "templates"})
        conffiles = self.tree.joinpath("DEBIAN/conffiles").read_text().split()
        self.assertEqual(conffiles, ["/etc/breakwater/breakwater.json", "/etc/logrotate.d/breakwater"])

    def test_its_configuration_is_the_example_without_a_bound_that_a_small_disk_lacks(self):
        example = TOP.joinpath("conf/breakwater.json").read_text().splitlines()
        installed = self.tree.joinpath("etc/breakwater/breakwater.json").read_text().splitlines()
        changed = [(one, other) for one, other in zip(example, installed) if one != other]
        self.assertEqual(len(example), len(installed))
        self.assertEqual(len(changed), 1)
        self.assertRegex(changed[0][0], r'^  "bytes_max": ')
        self.assertEqual(changed[0][1], "  // " + changed[0][0].strip())
        self.assertIn('"data": "/var/lib/breakwater/data"', "\n".join(installed))

    def test_no_folder_of_this_machine_is_in_the_program(self):
        strings = run("strings", "-n", "6", self.tree / "usr/bin/breakwater").splitlines()
        self.assertEqual([one for one in strings if re.search(r"\.(cc|h|hpp)$", one)], [])
        self.assertNotIn(str(TOP), "\n".join(strings))

    def test_it_is_named_once(self):
        # The package is of a release of Debian, the program is not.
        version = re.sub(r"~deb\d+$", "", self.version)
        self.assertEqual(version, run(TOP / "packaging/version").strip())
        binary = self.tree / "usr/bin/breakwater"
        self.assertEqual(run(binary, "--version").strip(), f"breakwater {version}")
        self.assertIn(f"breakwater {version}", run(binary, "manual").replace("\\", ""))
        self.assertEqual(self.sbom["packages"][0]["versionInfo"], self.version)
        changelog = run("zcat", self.tree / "usr/share/doc/breakwater/changelog.gz")
        self.assertTrue(changelog.startswith(f"breakwater ({self.version}) "))

    def test_what_it_is_built_from_is_listed_alike_for_dpkg_and_for_the_source(self):
        of_source = names((TOP / "packaging/packages").read_text())
        of_package = names((TOP / "packaging/deb/packages").read_text())
        listed = re.search(r"(?ms)^Build-Depends:(.*?)^\S", CONTROL).group(1)
        of_dpkg = {name.replace("debhelper-compat", "debhelper") for name in names(listed)}
        # Of these, every build of a package has the first three, and the last only says what was built.
        self.assertEqual(of_dpkg | {"build-essential", "dpkg-dev", "g++", "git"}, of_source | of_package)

    def test_the_list_of_its_parts_is_spdx(self):
        jsonschema.validate(self.sbom, SCHEMA)
        ids = [one["SPDXID"] for one in self.sbom["packages"]]
        self.assertEqual(len(ids), len(set(ids)))
        known = {*ids, "SPDXRef-DOCUMENT"}
        for relation in self.sbom["relationships"]:
            self.assertLessEqual({relation["spdxElementId"], relation["relatedSpdxElement"]}, known)

    def test_the_list_of_its_parts_is_whole(self):
        listed = {one["name"]: one for one in self.sbom["packages"]}
        loaded = re.findall(r"=> (/\S+)", run("ldd", self.tree / "usr/bin/breakwater"))
        for path in loaded:
            real = str(pathlib.Path(path).resolve())
            said = "".join(run("dpkg", "--search", one, check=False) for one in (path, real, "/usr" + path))
            owner = re.match(r"([^:]+)", said).group(1)
            version = run("dpkg-query", "--show", "--showformat=${Version}", f"{owner}").strip()
            self.assertEqual(listed[owner]["versionInfo"], version)
        kinds = {
            one["relatedSpdxElement"].split("-", 2)[2]: one["relationshipType"]
            for one in self.sbom["relationships"]
        }
        for name in ("nlohmann-json3-dev", "libcli11-dev", "libexpected-dev"):
            self.assertEqual(kinds[name], "STATIC_LINK")
        for name in ("preact", "uplot"):
            self.assertEqual(kinds[name], "CONTAINS")
        self.assertEqual(kinds["libcurl4"] if "libcurl4" in kinds else kinds["libcurl4t64"], "DYNAMIC_LINK")

    @unittest.skipUnless(os.environ.get("BREAKWATER_FULL") == "1", "it compiles everything: with --full")
    def test_two_builds_have_one_hash(self):
        with tempfile.TemporaryDirectory(prefix="another-folder-") as folder:
            clone = pathlib.Path(folder, "clone")
            run("git", "clone", "--quiet", TOP, clone)
            # Nothing of the first one is used.
            environment, out = {**os.environ, "CCACHE_DISABLE": "1"}, pathlib.Path(folder, "out")
            run(clone / "packaging/deb/build", "--out", out, env=environment, timeout_s=3000)
            (other,) = out.glob("breakwater_*.deb")
            self.assertEqual(other.name, self.deb.name, "the package has what is not committed")
            hashes = {hashlib.sha256(one.read_bytes()).hexdigest() for one in (self.deb, other)}
            self.assertEqual(len(hashes), 1)


if __name__ == "__main__":
    Package.folder = pathlib.Path(sys.argv.pop(1))
    unittest.main()
