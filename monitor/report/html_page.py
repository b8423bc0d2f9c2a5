"""A report as a page for a browser: one file with everything in it, without scripts."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from broker.escape import escape_text
from monitor.report.charts import draw_charts, numbers_table
from monitor.report.content import Report


def _escape(value: object) -> object:
    """Escape what could turn the direction of writing; Jinja itself escapes what would be markup."""
    return value if isinstance(value, Markup) else escape_text(str(value))


_TEMPLATES = Environment(
    loader=PackageLoader("monitor.report"), autoescape=True, finalize=_escape, undefined=StrictUndefined
)


def render_html(report: Report) -> str:
    """Write a report."""
    template = _TEMPLATES.get_template("report.html")
    return template.render(report=report, charts=draw_charts, numbers=numbers_table) + "\n"
