"""Installs a build into a folder of its own, as who builds from the source does: cmake_install_test.py
BUILD."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PREFIX = "usr/local"
SHIPPED = (
    "bin/breakwater",
    "lib/systemd/system/breakwater.service",
    "lib/systemd/system/breakwater.socket",
    "share/bash-completion/completions/breakwater",
    "share/breakwater/api.schema.json",
    "share/breakwater/breakwater.json",
    "share/breakwater/breakwater.schema.json",
    "share/breakwater/grafana/breakwater.json",
    "share/breakwater/prometheus/breakwater.rules.yaml",
    "share/doc/breakwater/README.md",
    "share/doc/breakwater/packaging/docs/operations.md",
    "share/doc/breakwater/packaging/docs/picture.svg",
    "share/doc/breakwater/packaging/kubernetes/breakwater.yaml",
    "share/fish/vendor_completions.d/breakwater.fish",
    "share/man/man1/breakwater.1",
    "share/zsh/site-functions/_breakwater",
)


class Install(unittest.TestCase):
    build = None

    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        environment = {**os.environ, "DESTDIR": cls._folder.name}
        subprocess.run(
            ["cmake", "--install", cls.build], env=environment, check=True, capture_output=True, timeout=120
        )
        cls.root = pathlib.Path(cls._folder.name, PREFIX)

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()

    def test_everything_is_there(self):
        missing = [one for one in SHIPPED if self.root.joinpath(one).stat().st_size == 0]
        self.assertEqual(missing, [])

    def test_the_unit_runs_what_is_installed_as_a_user_that_systemd_makes_up(self):
        unit = self.root.joinpath("lib/systemd/system/breakwater.service").read_text()
        self.assertRegex(unit, rf"(?m)^ExecStart=/{PREFIX}/bin/breakwater serve ")
        self.assertRegex(unit, rf"(?m)^Documentation=file:/{PREFIX}/share/doc/breakwater/README.md$")
        self.assertRegex(unit, "(?m)^DynamicUser=yes$")
        self.assertFalse(self.root.joinpath("lib/sysusers.d").exists())

    def test_bash_takes_its_completion(self):
        completion = self.root / "share/bash-completion/completions/breakwater"
        subprocess.run(["bash", "-n", completion], check=True, timeout=60)

    def test_the_manual_page_is_one(self):
        page = self.root.joinpath("share/man/man1/breakwater.1").read_text()
        self.assertTrue(page.startswith(".TH BREAKWATER 1 "))


if __name__ == "__main__":
    Install.build = sys.argv.pop(1)
    unittest.main()
