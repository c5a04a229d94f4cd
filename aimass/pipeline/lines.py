"""Where in a TOML file a section or a key stands: `tomllib` does not say."""

from __future__ import annotations

import re

Place = tuple[str, int, str]

_SKIP = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|\#[^\n]*|[\[\]{}]|\n|[^"\'\#\[\]{}\n]+|.',
    re.DOTALL,
)
_HEADER = re.compile(r"[ \t]*(\[\[?)[ \t]*[\"']?([\w-]+)[\w.\"' -]*\]")
_KEY = re.compile(r"[ \t]*[\"']?([\w-]+)[\"']?[ \t]*[.=]")


def index_lines(text: str) -> dict[Place, int]:
    """Return the line of every section ``(section, n, "")`` and key ``(section, n, key)``; the top is ``("", 0, key)``.

    Examples
    --------
    >>> index_lines('name = "x"\\n\\n[[source]]\\ntopic = "t"')
    {('', 0, 'name'): 1, ('source', 0, ''): 3, ('source', 0, 'topic'): 4}
    """
    places: dict[Place, int] = {}
    counts: dict[str, int] = {}
    section, number, depth, line, at, fresh = "", 0, 0, 1, 0, True
    while at < len(text):
        if fresh and depth == 0:
            header = _HEADER.match(text, at)
            if header:
                section = header[2]
                counts[section] = counts.get(section, -1) + 1
                number = counts[section]
                places[section, number, ""] = line
                end = text.find("\n", at)
                at = len(text) if end < 0 else end
                continue
            key = _KEY.match(text, at)
            if key:
                places.setdefault((section, number, key[1]), line)
                at = key.end()
        fresh = False
        token = _SKIP.match(text, at)
        if token is None:
            break
        depth += (token[0] in ("[", "{")) - (token[0] in ("]", "}"))
        line += token[0].count("\n")
        fresh = token[0] == "\n"
        at = token.end()
    return places
