"""Scripts that may run: those that stand in NiceGUI's own template, and nothing that is put into it.

The template is marked before anything is filled in. So a script that comes in with what is shown, through
a mistake of ours or of NiceGUI's, has no nonce, and browsers do not run it.
"""

from jinja2 import ChoiceLoader, DictLoader
from nicegui.client import templates

PAGE = "index.html"


def add_script_nonces() -> None:
    """Have each script of the template carry the nonce of the request's answer."""
    environment = templates.env
    loader = environment.loader
    if loader is None:
        raise LookupError("NiceGUI has no templates")
    source, _, _ = loader.get_source(environment, PAGE)
    marked = source.replace("<script", '<script nonce="{{ request.state.nonce }}"')
    environment.loader = ChoiceLoader([DictLoader({PAGE: marked}), loader])
