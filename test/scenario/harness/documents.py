"""The documents that people read, and the blocks of code in them, which tests take from here and run.

`blocks("packaging/docs/ci.md", "BuildKit")` gives the blocks below that heading, up to the next one; a test
that unpacks them fails when there is another. test/tidy wants such a call in some test for each heading that
has a block below it, so that nothing stands in a document that nothing runs."""

import collections
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]

Block = collections.namedtuple("Block", "language text")


def names():
    """Of all documents for users, from the top."""
    packaging = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("packaging/**/*.md"))
    return ["README.md", *packaging]


def sections(text):
    """(heading, lines below it up to the next heading) in order. What stands in a block is no heading."""
    found, in_block = [("", [])], False
    for line in text.splitlines():
        in_block ^= line.startswith("```")
        heading = re.fullmatch(r"#+ (.*)", line)
        if heading and not in_block:
            found.append((heading.group(1), []))
        else:
            found[-1][1].append(line)
    return found


def blocks_of(lines):
    """The blocks among these lines."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", "\n".join(lines) + "\n", re.M | re.S)
    return [Block(language, text) for language, text in found]


def blocks(document, heading):
    """Those directly below that heading of the document, at least one."""
    found = [lines for name, lines in sections((ROOT / document).read_text()) if name == heading]
    if len(found) != 1:
        raise LookupError(f"{document} has {len(found)} headings {heading!r}")
    there = blocks_of(found[0])
    if not there:
        raise LookupError(f"{document}, {heading!r}: there is no block of code")
    return there


def spans(document, begin):
    """What stands between backticks in the text, outside of blocks, and begins so; each once, in order."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / document).read_text(), flags=re.M | re.S)
    found = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    return list(dict.fromkeys(span for span in found if span.startswith(begin)))


def members(block):
    """Of a block of JSON that shows a member of an object, `"key": value`: that object."""
    text = block.text.strip()
    return json.loads(text if text.startswith("{") else "{" + text + "}")
