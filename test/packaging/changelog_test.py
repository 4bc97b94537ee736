"""What the package's changelog and news are made of."""

import importlib.machinery
import importlib.util
import pathlib
import unittest

PATH = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "deb" / "changelog"
_LOADER = importlib.machinery.SourceFileLoader("changelog", str(PATH))
changelog = importlib.util.module_from_spec(importlib.util.spec_from_loader("changelog", _LOADER))
_LOADER.exec_module(changelog)

BEFORE = "## 1.0.0 (2026-01-02)\n\n- Was\n  there.\n\n### To do\n\n- Mind the gap.\n"


class Changelog(unittest.TestCase):
    def versions(self, text, version):
        found = changelog.versions(text, version, 1_800_000_000)
        return [(name, new, to_do) for name, _, new, to_do in found]

    def test_what_is_not_released_is_in_the_version_of_the_package(self):
        found = self.versions("# C\n\n## Unreleased\n\n- New.\n\n" + BEFORE, "1.1.0~git2026.abc~deb12")
        self.assertEqual(found[0], ("1.1.0~git2026.abc~deb12", ["New."], []))
        self.assertEqual(found[1], ("1.0.0", ["Was there."], ["Mind the gap."]))

    def test_a_release_is_called_as_its_package(self):
        for version in ("1.0.0~deb12", "1.0.0+dirty~deb13"):
            self.assertEqual(self.versions(BEFORE, version), [(version, ["Was there."], ["Mind the gap."])])

    def test_a_version_before_has_its_own_date(self):
        found = list(changelog.versions("## Unreleased\n\n" + BEFORE, "1.1.0", 1_800_000_000))
        self.assertEqual(found[0][1], "Fri, 15 Jan 2027 08:00:00 +0000")
        self.assertEqual(found[1][1], "Fri, 02 Jan 2026 00:00:00 +0000")

    def test_a_version_before_without_a_date_is_a_mistake(self):
        with self.assertRaises(SystemExit):
            self.versions("## Unreleased\n\n## 1.0.0\n\n- Was there.\n", "1.1.0")


if __name__ == "__main__":
    unittest.main()
