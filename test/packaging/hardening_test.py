"""Looks at the released program for what its build was to put into it: hardening_test.py BREAKWATER."""

import pathlib
import platform
import subprocess
import sys
import unittest


class Hardening(unittest.TestCase):
    binary = None

    def read(self, *what):
        return subprocess.run(
            ["readelf", "--wide", *what, self.binary], capture_output=True, text=True, check=True, timeout=60
        ).stdout

    def test_it_is_loaded_anywhere(self):
        self.assertRegex(self.read("--file-header"), r"Type:\s+DYN")
        self.assertRegex(self.read("--dynamic"), r"FLAGS_1.*\bPIE\b")

    def test_the_stack_is_no_code(self):
        stack = [line for line in self.read("--segments").splitlines() if "GNU_STACK" in line]
        self.assertEqual(len(stack), 1)
        self.assertNotIn("E", stack[0].split()[6])

    def test_what_the_linker_fills_in_is_read_only_before_main(self):
        self.assertIn("GNU_RELRO", self.read("--segments"))
        self.assertRegex(self.read("--dynamic"), r"FLAGS.*\b(BIND_NOW|NOW)\b")

    def test_an_overwritten_stack_is_noticed(self):
        self.assertIn("__stack_chk_fail", self.read("--dyn-syms"))

    def test_copies_beyond_their_buffers_are_noticed(self):
        # The compiler checks at run time only what it knows the size of.
        self.assertRegex(self.read("--dyn-syms"), r"__\w+_chk\b(?<!__stack_chk_fail)")

    def test_functions_are_marked_as_what_jumps_may_lead_to(self):
        # The program is not marked as a whole: the C library of Debian 12 has no such marks, and the linker
        # wants all of them, or says nothing. What it adds itself has a few marks.
        marks = {"x86_64": b"\xf3\x0f\x1e\xfa", "aarch64": b"\x5f\x24\x03\xd5"}  # endbr64, bti c
        mark = marks.get(platform.machine())
        if mark:
            self.assertGreater(pathlib.Path(self.binary).read_bytes().count(mark), 1000)


if __name__ == "__main__":
    Hardening.binary = sys.argv.pop(1)
    unittest.main()
