"""HTML from the files in ``templates``. Whatever is filled in is text: no markup, no control characters."""

from html import escape as escape_markup
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from broker.program.escape import escape_text


def escape_html(text: str | None) -> str:
    """Text from outside as HTML: nothing in it is markup or changes the direction of writing."""
    return escape_markup(escape_text(text or ""), quote=True)


def render(template: str, **values: object) -> Markup:
    """Fill in a template."""
    return Markup(_templates.get_template(template).render(values))  # noqa: S704 - it escapes by itself


def _make_visible(value: object) -> object:
    return escape_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    finalize=_make_visible,
    trim_blocks=True,
    lstrip_blocks=True,
)
