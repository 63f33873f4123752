"""Settings of the documentation site, for Sphinx; `make docs` builds it.

The source folder is the checkout, not `docs/`: a link such as `../examples/notebooks/x.ipynb` means
the same on the site as on a code host, and pages need nothing that only a generator understands.
What is added while they are read is in `pages.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, f"{ROOT}")

from hnet_seq import __version__  # noqa: E402
from website import pages  # noqa: E402

READ = {"docs", "examples", "CHANGELOG.md", "CONTRIBUTING.md"}

project = "hnet-seq"
author = "The hnet-seq developers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
root_doc = "docs/index"
exclude_patterns = [path.name for path in ROOT.iterdir() if path.name not in READ]
exclude_patterns += ["examples/data", "examples/cluster"]
myst_heading_anchors = 4
autodoc_typehints_format = "short"
autodoc_default_options = {
    "members": True,
    # scikit-learn gives these to each of its estimators, with references into its own pages.
    "exclude-members": ", ".join(
        f"set_{name}_request" for name in ("fit", "predict", "score", "transform")
    ),
}

html_theme = "pydata_sphinx_theme"
html_title = f"hnet-seq {__version__}"
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
html_sidebars = {"**": ["all_pages.html"]}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "hnet-seq"},
    "navbar_center": ["version.html"],
    "navbar_persistent": ["search-button-field"],
    "navbar_end": ["theme-switcher"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": False,
}
html_show_copyright = False


def setup(app: Any) -> None:
    """Pages are changed as they are read; without outputs of notebooks where that is asked for."""
    app.add_config_value("run_notebooks", True, "env")
    app.connect("source-read", pages.change)
