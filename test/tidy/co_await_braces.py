"""Finds braces, conditionals and copied lambdas inside co_await expressions.

g++ 12 may free a temporary twice that is made by `{...}`, by a capturing lambda or by `c ? std::string() :
name` inside a co_await expression, and says nothing. So it does with the copy of a named lambda that a
template takes by value.
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


# The templates that take a lambda by value; whoever takes a std::function makes another temporary of it.
TAKES_LAMBDA = re.compile(r"\b(?:run|first_of|parse)\s*\(")


def has_copied_lambda(source, at, lambdas):
    """Whether the expression at `at` gives one of the lambdas to such a template, by its name."""
    text = source[at : source.find(";", at)]
    if not TAKES_LAMBDA.search(text):
        return False
    return any(
        found[1] in lambdas and not text[: found.start()].endswith("std::move(")
        for found in re.finditer(r"(?<=[(,])\s*(\w+)\s*(?=[,)])", text)
    )


def offences(source):
    """The lines, counted from 1, of the co_await expressions that have a brace, a conditional or the copy of
    a lambda."""
    source = without_comments_and_literals(source)
    lambdas = set(re.findall(r"\bauto (\w+) = \[", source))
    lines = []
    for found in re.finditer(r"\bco_await\b", source):
        if re.search(r"\boperator\s*$", source[: found.start()]):
            continue
        if has_brace(source, found.end()) or has_copied_lambda(source, found.end(), lambdas):
            lines.append(source.count("\n", 0, found.start()) + 1)
    return lines
