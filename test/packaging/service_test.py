"""Holds the systemd unit against systemd itself: service_test.py BREAKWATER."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

UNIT = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "breakwater.service"
EXPOSURE_MAX = 1.5  # of 10; systemd's own word for it is "OK"


class Service(unittest.TestCase):
    binary = None

    def analyze(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / UNIT.name
            unit.write_text(UNIT.read_text().replace("/usr/bin/breakwater", self.binary))
            return subprocess.run(
                ["systemd-analyze", *arguments, unit], capture_output=True, text=True, timeout=60
            )

    def test_systemd_finds_nothing_wrong(self):
        done = self.analyze("verify", "--man=no")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_is_shut_in(self):
        done = self.analyze("security", "--offline=true", "--no-pager")
        exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout).group(1))
        self.assertLessEqual(exposure, EXPOSURE_MAX)

    def test_no_core_keeps_secrets_on_the_disk(self):
        self.assertRegex(UNIT.read_text(), r"(?m)^LimitCORE=0$")

    def test_its_sockets_are_those_of_the_example(self):
        of_sockets = re.findall(r"(?m)^ListenStream=(\S+)$", UNIT.with_suffix(".socket").read_text())
        example = (UNIT.parents[1] / "conf" / "breakwater.json").read_text()
        of_example = re.findall(r'(?m)^[^/\n]*"listen": \["([^"]+)"\]', example)
        self.assertEqual(sorted(of_sockets), sorted(of_example))

    def test_a_restart_keeps_connections_and_is_never_one_too_many(self):
        for line in ("RestartKillSignal=SIGINT", "FileDescriptorStoreMax=1", "StartLimitIntervalSec=0"):
            self.assertRegex(UNIT.read_text(), f"(?m)^{line}$")

    def test_its_sockets_are_there_before_it(self):
        self.assertRegex(UNIT.read_text(), r"(?m)^Wants=.*\bbreakwater\.socket\b")
        self.assertRegex(UNIT.read_text(), r"(?m)^After=.*\bbreakwater\.socket\b")

    def test_what_waits_for_nobody_may_go_after_the_rest(self):
        filters = re.findall(r"(?m)^SystemCallFilter=(.*)$", UNIT.read_text())
        self.assertEqual(filters[-1], "setpriority")  # after those that take it away

    def test_it_is_restarted_when_its_loop_hangs(self):
        self.assertRegex(UNIT.read_text(), r"(?m)^Type=notify$")
        self.assertRegex(UNIT.read_text(), r"(?m)^WatchdogSec=\d+s$")

    def test_what_it_starts_checks_the_configuration_as_check_config_does(self):
        started = re.search(r"(?m)^ExecStart=/usr/bin/breakwater (serve) --config (\S+)$", UNIT.read_text())
        self.assertNotIn("ExecStartPre=", UNIT.read_text())  # in a restart, everybody would wait for it
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "breakwater.json"
            file.write_text('{"data": "%s/data", "bytes_max": "much", "rout": []}' % folder)
            done = [
                subprocess.run(
                    [self.binary, verb, "--config", file], capture_output=True, text=True, timeout=60
                )
                for verb in (started.group(1), "check-config")
            ]
            self.assertEqual([one.returncode for one in done], [1, 1])
            self.assertEqual(done[0].stderr, done[1].stderr)
            self.assertRegex(done[0].stderr, r"(?m)^bytes_max: ")
            self.assertRegex(done[0].stderr, r"(?m)^rout: ")
            self.assertFalse(pathlib.Path(folder, "data").exists())


if __name__ == "__main__":
    Service.binary = sys.argv.pop(1)
    unittest.main()
