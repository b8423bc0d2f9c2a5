"""A report as a page for a browser: one file with everything in it, without scripts.

It is built of elements, not of text: what comes from outside cannot become a part of the markup.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from xml.etree.ElementTree import Element, tostring

from broker.escape import escape_text
from monitor.formatting import format_kwh
from monitor.report.charts import ChartSeries, draw_charts, site_series, time_series
from monitor.report.content import EnergyBars, KeyFigure, Report, ReportSection, ReportTable
from monitor.report.style import CSS
from monitor.text_table import Column


def render_html(page: Report) -> str:
    """Write a report.

    Args:
        page: What stands in it.
    """
    title = f"Energy report: {page.title}"
    head = _element(
        "head",
        _element("meta", charset="utf-8"),
        _element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _element("title", title),
        _element("style", CSS),
    )
    top = _element(
        "header",
        _element("h1", _element("small", "Energy report"), page.title),
        _element("p", page.scope, class_="scope"),
    )
    main = _element("main", top, *_facts(page.facts), *map(_section, page.sections))
    body = _element("body", main)
    _make_plain([*head.iter("title"), body])
    html = _element("html", head, body, lang="en")
    return f"<!DOCTYPE html>\n{tostring(html, encoding='unicode', method='html')}\n"


def _make_plain(elements: Iterable[Element]) -> None:
    """Escape what could turn the direction of writing, in all texts and attributes."""
    for each in chain.from_iterable(element.iter() for element in elements):
        each.text, each.tail = escape_text(each.text or ""), escape_text(each.tail or "")
        for name, value in each.attrib.items():
            each.set(name, escape_text(value))


def _element(tag: str, *children: Element | str, **attributes: str) -> Element:
    """Make an element; an underscore in an attribute's name stands for a dash, at its end for nothing."""
    made = Element(tag, {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made


def _section(section: ReportSection) -> Element:
    parts = [
        _element("h2", section.title),
        *(_element("p", note) for note in section.notes),
        *_facts(section.facts),
    ]
    if section.bars:
        parts += _bars(section.bars)
    if section.table:
        parts += _table(section.table, section.title)
    return _element("section", *parts)


def _facts(facts: Sequence[KeyFigure]) -> Iterable[Element]:
    if facts:
        yield _element("dl", *map(_fact, facts))


def _fact(fact: KeyFigure) -> Element:
    value = _element("dd", fact.value, class_="value")
    detail = [_element("dd", fact.detail, class_="detail")] if fact.detail else []
    return _element(
        "div", _element("dt", fact.label), value, *detail, **({"class_": "bad"} if fact.is_bad else {})
    )


def _bars(bars: EnergyBars) -> Iterable[Element]:
    series = time_series(bars)
    highest = max(range(len(bars.starts)), key=lambda place: bars.energy_kwh[place] or 0.0)
    told = f"Bars of energy used in {bars.name}; most was used from {bars.starts[highest]}, "
    told += f"{format_kwh(bars.energy_kwh[highest] or 0.0)} kWh"
    names = ["var(--before)", "var(--now)"][-len(series) :]
    drawn = draw_charts(series, bars.starts, told, stacked=False)
    keys = ";".join(f"--key{number}: {colour}" for number, colour in enumerate(names))
    yield _element("figure", _legend(series, names), *drawn, class_="time", style=keys)
    if len(bars.site_kwh) > 1:
        series = site_series(bars)
        told = f"Bars of energy used in {bars.name} by site: {', '.join(each.name for each in series)}"
        drawn = draw_charts(series, bars.starts, told, stacked=True)
        colours = [f"var(--s{number})" for number in range(len(series))]
        yield _element("figure", _legend(series, colours), *drawn, class_="sites")
    numbers = _table(_numbers(bars), "Energy in numbers")
    yield _element("details", _element("summary", "The same in numbers"), *numbers)


def _legend(series: Sequence[ChartSeries], colours: Sequence[str]) -> Element:
    keys = [
        _element("span", each.name, class_="key", style=f"--key: {colour}")
        for each, colour in zip(series, colours, strict=True)
    ]
    return _element("figcaption", _element("span", "kWh"), *keys)


def _numbers(bars: EnergyBars) -> ReportTable:
    series = [*time_series(bars), *(site_series(bars) if len(bars.site_kwh) > 1 else ())]
    columns = [Column("From"), *(Column(f"{each.name}, kWh", is_number=True) for each in series)]
    most_kwh = max((value or 0.0 for each in series for value in each.energy_kwh), default=0.0)
    rows = [
        (start, *("" if value is None else format_kwh(value, most_kwh) for value in values))
        for start, *values in zip(bars.starts, *(each.energy_kwh for each in series), strict=True)
    ]
    return ReportTable(columns, rows)


def _table(table: ReportTable, title: str) -> Iterable[Element]:
    head = [_element("th", each.title, scope="col", **_kind(each)) for each in table.columns]
    rows = [_element("tr", *_cells(row, table.columns)) for row in table.rows]
    whole = _element(
        "table", _element("thead", _element("tr", *head)), _element("tbody", *rows), aria_label=title
    )
    # It can be scrolled where it is too wide, with the keyboard too.
    yield _element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=title)
    if table.hidden:
        yield _element("p", f"… and {table.hidden:,} more", class_="more")


def _cells(row: Sequence[str], columns: Sequence[Column]) -> Iterable[Element]:
    first, *rest = row
    yield _element("th", first, scope="row")
    for cell, column in zip(rest, columns[1:], strict=True):
        yield _element("td", cell, **_kind(column))


def _kind(column: Column) -> dict[str, str]:
    kind = "number" if column.is_number else "long" if column.is_cuttable else ""
    return {"class_": kind} if kind else {}
