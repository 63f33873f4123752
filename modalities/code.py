"""Source code as UTF-8 bytes, and its languages by the names of files.

The tokens are those of text, so one model reads both. Languages are named as GitHub's Linguist
names them, in lower case.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from modalities import text
from modalities.base import Modality

#: Extensions of each language. ``h`` is C, as most such files are.
EXTENSIONS = {
    "assembly": "asm s",
    "batchfile": "bat cmd",
    "c": "c h",
    "c#": "cs",
    "c++": "cc cpp cxx c++ hh hpp hxx h++ inl ipp tpp",
    "clojure": "clj cljs cljc",
    "cmake": "cmake",
    "common lisp": "lisp lsp",
    "css": "css",
    "cuda": "cu cuh",
    "cython": "pyx pxd pxi",
    "d": "d",
    "dart": "dart",
    "elixir": "ex exs",
    "elm": "elm",
    "emacs lisp": "el",
    "erlang": "erl hrl",
    "f#": "fs fsi fsx",
    "fortran": "f f77 f90 f95 f03 f08 for",
    "glsl": "glsl vert frag",
    "go": "go",
    "groovy": "groovy gradle",
    "haskell": "hs lhs",
    "html": "html htm xhtml",
    "java": "java",
    "javascript": "js mjs cjs jsx",
    "json": "json",
    "julia": "jl",
    "kotlin": "kt kts",
    "lua": "lua",
    "makefile": "mk mak",
    "markdown": "md markdown",
    "matlab": "m",
    "nim": "nim",
    "nix": "nix",
    "objective-c++": "mm",
    "ocaml": "ml mli",
    "pascal": "pas pp",
    "perl": "pl pm t",
    "php": "php",
    "powershell": "ps1 psm1 psd1",
    "prolog": "pro",
    "protocol buffer": "proto",
    "python": "py pyi pyw",
    "r": "r",
    "racket": "rkt",
    "restructuredtext": "rst",
    "ruby": "rb rake gemspec",
    "rust": "rs",
    "scala": "scala sc",
    "scheme": "scm ss",
    "scss": "scss",
    "shell": "sh bash zsh ksh",
    "sql": "sql",
    "svelte": "svelte",
    "swift": "swift",
    "tcl": "tcl",
    "tex": "tex sty cls bib",
    "text": "txt",
    "toml": "toml",
    "typescript": "ts tsx mts cts",
    "vhdl": "vhd vhdl",
    "vim script": "vim",
    "visual basic .net": "vb",
    "vue": "vue",
    "verilog": "v vh sv svh",
    "xml": "xml xsd xsl xslt svg",
    "yaml": "yaml yml",
    "zig": "zig",
}
FILE_NAMES = {
    "cmakelists.txt": "cmake",
    "dockerfile": "dockerfile",
    "gemfile": "ruby",
    "gnumakefile": "makefile",
    "jenkinsfile": "groovy",
    "makefile": "makefile",
    "rakefile": "ruby",
    "build.bazel": "starlark",
    "workspace": "starlark",
}
INTERPRETERS = {
    "bash": "shell",
    "dash": "shell",
    "ksh": "shell",
    "lua": "lua",
    "node": "javascript",
    "perl": "perl",
    "php": "php",
    "python": "python",
    "rscript": "r",
    "ruby": "ruby",
    "sh": "shell",
    "tclsh": "tcl",
    "zsh": "shell",
}
ALIASES = {
    "cplusplus": "c++",
    "csharp": "c#",
    "fsharp": "f#",
    "golang": "go",
    "latex": "tex",
    "make": "makefile",
    "protobuf": "protocol buffer",
    "rlang": "r",
    "viml": "vim script",
}
#: Written in paragraphs, or data: the length of a line tells nothing about them.
PROSE = frozenset({"html", "json", "markdown", "restructuredtext", "tex", "text", "xml", "yaml"})

_LANGUAGE_OF_EXTENSION = {
    extension: language
    for language, extensions in EXTENSIONS.items()
    for extension in extensions.split()
}
_SHEBANG = re.compile(rb"#![ \t]*(\S+)(?:[ \t]+(?:-S[ \t]+)?(\S+))?")
_VERSION = re.compile(r"[-.0-9]+$")


def canonical(language: str) -> str:
    """The one name of a language, in lower case: ``Python`` and ``py`` are ``python``.

    An extension or an alias becomes its language; what is in no table stays as it is.
    """
    name = language.strip().lower()
    if name in EXTENSIONS:
        return name
    return ALIASES.get(name, _LANGUAGE_OF_EXTENSION.get(name.removeprefix("."), name))


def language_of(path: str, first_bytes: bytes = b"") -> str:
    """The language of a file by its name, or by its ``#!`` line where the name has no extension.

    Returns:
        "" where neither tells.
    """
    name = PurePosixPath(path.replace("\\", "/")).name.lower()
    if name in FILE_NAMES:
        return FILE_NAMES[name]
    stem, dot, extension = name.rpartition(".")
    if dot and stem:
        return _LANGUAGE_OF_EXTENSION.get(extension, "")
    shebang = _SHEBANG.match(first_bytes)
    if not shebang:
        return ""
    words = [word.decode("latin-1").rpartition("/")[2] for word in shebang.groups(b"")]
    interpreter = words[1] if words[0] == "env" else words[0]
    return INTERPRETERS.get(_VERSION.sub("", interpreter.lower()), "")


def header(path: str, language: str) -> bytes:
    r"""The line that may begin a document: ``# path: src/a.py  lang: python\n``.

    The same for all languages, whatever their comments look like. A part that is not known is left
    out, and with both the line.
    """
    parts = [f"{key}: {value}" for key, value in (("path", path), ("lang", language)) if value]
    return f"# {'  '.join(parts)}\n".encode() if parts else b""


CODE = Modality("code", text.VOCABULARY, tuple(range(256)), text.encode, text.decode)
