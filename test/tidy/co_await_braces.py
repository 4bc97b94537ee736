"""Finds braces and conditionals inside co_await expressions.

g++ 12 may free a temporary twice that is made by `{...}`, by a capturing lambda or by `c ? std::string() :
name` inside a co_await expression, and says nothing.
So: name it on the line above and move it in. This looks at text, not at types, and so it also finds a few
harmless ones.
"""

import re


def without_comments_and_literals(source):
    """The source with every comment and literal blanked; offsets and lines stay what they are."""
    pattern = (
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'"
    )
    return re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found.group()), source, flags=re.DOTALL)


def has_brace(source, at):
    """Whether the expression that begins at `at` has a brace or a conditional: it ends at `;`, or where a
    bracket closes that it did not open."""
    depth = 0
    for character in source[at:]:
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
            if depth < 0:
                return False
        elif character == ";":
            return False
        elif character == "," and depth == 0:
            return False
        elif character == "{" or (character == "?" and depth > 0):
            return True
    return False


def offences(source):
    """The lines, counted from 1, of the co_await expressions that have a brace or a conditional."""
    source = without_comments_and_literals(source)
    lines = []
    for found in re.finditer(r"\bco_await\b", source):
        if re.search(r"\boperator\s*$", source[: found.start()]):
            continue
        if has_brace(source, found.end()):
            lines.append(source.count("\n", 0, found.start()) + 1)
    return lines
