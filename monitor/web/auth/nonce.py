"""Scripts of NiceGUI's own page template carry the nonce of the answer.

The template gets it before anything is filled in. A script that comes in with the content, through a mistake
of ours or of NiceGUI's, has no nonce, and browsers do not run it.
"""

from jinja2 import ChoiceLoader, DictLoader
from nicegui.client import templates

PAGE = "index.html"


def add_script_nonces() -> None:
    """Have each script of the template carry the nonce."""
    environment = templates.env
    loader = environment.loader
    if loader is None:
        raise LookupError("NiceGUI has no templates")
    source, _, _ = loader.get_source(environment, PAGE)
    marked = source.replace("<script", '<script nonce="{{ request.state.nonce }}"')
    environment.loader = ChoiceLoader([DictLoader({PAGE: marked}), loader])
