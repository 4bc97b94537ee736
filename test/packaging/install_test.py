"""What packaging/install says before it installs, and what it does for whom, on a machine of scripts."""

import pathlib
import subprocess
import tempfile
import unittest

INSTALL = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "install"
TOOLS = ("sh", "sed", "grep")
SCRIPTS = {
    "dpkg-query": 'case "$4" in here*) echo "install ok installed" ;; *) exit 1 ;; esac',
    "apt-cache": '[ "$2" = known ]',
    "apt-get": 'echo "$@" >>"$(dirname "$0")/log"; echo "apt-get runs" >&2',
    "sudo": 'echo "sudo $1" >>"$(dirname "$0")/log"; "$@"',
}


class Install(unittest.TestCase):
    def install(self, uid, without=(), packages="here-1\ngone-1 # why\nknown?\nunknown?\ngone-2\n"):
        """What it said, and what it ran."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for tool in (*TOOLS, "dirname"):
                folder.joinpath(tool).symlink_to(pathlib.Path("/usr/bin", tool))
            for script, body in {**SCRIPTS, "id": f"echo {uid}"}.items():
                if script not in without:
                    folder.joinpath(script).write_text(f"#!/bin/sh\n{body}\n")
                    folder.joinpath(script).chmod(0o755)
            folder.joinpath("list").write_text(packages)
            done = subprocess.run(
                [INSTALL, folder / "list"],
                env={"PATH": name},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            log = folder / "log"
            return done.returncode, done.stdout, log.read_text().splitlines() if log.exists() else []

    def test_root_is_told_what_is_installed_before_it_is(self):
        status, said, ran = self.install(0)
        self.assertEqual(status, 0)
        self.assertRegex(said, r"(?s)^Installing .*: gone-1 gone-2 known\napt-get runs")
        self.assertEqual(ran[-1].split()[-3:], ["gone-1", "gone-2", "known"])

    def test_who_may_use_sudo_is_told_of_it(self):
        status, said, ran = self.install(1000)
        self.assertEqual((status, ran[0]), (0, "sudo apt-get"))
        self.assertRegex(said, r"^Installing with sudo apt-get")

    def test_without_sudo_it_says_what_root_must_run_and_runs_nothing(self):
        status, said, ran = self.install(1000, without=("sudo",))
        self.assertEqual((status, ran), (1, []))
        command = said.splitlines()[1].strip()
        self.assertEqual(
            command,
            "apt-get update && apt-get install -y --no-install-recommends gone-1 gone-2 known",
        )

    def test_where_nothing_is_missing_it_says_and_does_nothing(self):
        self.assertEqual(self.install(1000, without=("sudo",), packages="here-1\n"), (0, "", []))


if __name__ == "__main__":
    unittest.main()
