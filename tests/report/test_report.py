from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from haar.errors import ArgumentError, MissingExtraError
from haar.report import Report, Section, Table, page
from haar.report.drawing import draw_bars, draw_field, new_figure, style_axes
from haar.report.page import paragraphs, png
from haar.running import commanded


def _figure():
    figure = new_figure(6, 2)
    bars, picture = figure.subplots(1, 2)
    style_axes(bars, title="loss", y="VRMSE")
    draw_bars(bars, ["base", "D4"], {"one": [0.2, 0.1], "two": [0.3, float("nan")]})
    draw_field(picture, np.eye(4), limits=(0, 1), map_name="magma", title="field")
    return figure


class Finding(Report):
    kind = "finding"
    schema = 3
    title = "What <was> found"
    summary = "It **fell** by `10 %`."
    footer = "haar"

    def __init__(self, sections):
        self._sections = sections

    def contents(self):
        return {"loss": float("nan"), "gain": np.float64(0.5)}

    def sections(self):
        return self._sections


FULL = Finding(
    [
        Section("Words", "One.\n\nTwo."),
        Section("Numbers", table=Table("t", ("a",), [(1,)])),
        Section("", figure=_figure(), caption="A & B"),
    ]
)


class _Balance(HTMLParser):
    """Every element that is opened is closed, in order."""

    VOID = ("meta", "img", "br", "source")

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(tmp_path):
    text = FULL.save_html(tmp_path / "report.html").read_text()
    balance = _Balance()
    balance.feed(text)
    assert balance.open == []
    assert "What &lt;was&gt; found" in text
    assert "<strong>fell</strong>" in text
    assert text.count('alt="A &amp; B: ') == 2  # both panels
    assert set(re.findall(r'(?:src|href)="([^:"]*:)', text)) == {"data:"}
    assert "http" not in text


def test_every_page_ends_with_how_it_was_made(tmp_path):
    class Known(Finding):
        @property
        def made_of(self):
            return {"model": "Conv2d <b>", "seed": 0, "data": "", "conventions": None}

    with commanded("haar find <model>"):
        told = Known([]).save_html(tmp_path / "r.html").read_text()
    rows = dict(re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", told.split("How this page was made")[1]))
    assert list(rows) == ["model", "seed", "command", "versions"]
    assert rows["model"] == "Conv2d &lt;b&gt;"
    assert (rows["seed"], rows["command"]) == ("0", "haar find &lt;model&gt;")
    assert re.fullmatch(r"haar [\d.]+, torch [\w.+]+, numpy [\d.]+, Python 3[\d.]+", rows["versions"])
    assert "none: called from Python" in Known([]).save_html(tmp_path / "r.html").read_text()


def test_the_same_figure_gives_the_same_bytes():
    assert png(_figure()) == png(_figure())


def test_drawing_leaves_the_readers_settings_alone():
    before, backend = dict(mpl.rcParams), mpl.get_backend(auto_select=False)
    png(_figure())
    assert dict(mpl.rcParams) == before
    assert mpl.get_backend(auto_select=False) == backend


def test_the_dictionary_has_kind_schema_and_no_nan(tmp_path):
    expected = {"kind": "finding", "schema": 3, "loss": None, "gain": 0.5}
    assert FULL.to_dict() == expected
    assert json.loads(FULL.save_json(tmp_path / "r.json").read_text()) == expected


def test_table_and_figure_are_the_first_ones():
    assert FULL.table().title == "t"
    assert FULL.figure().get_size_inches().tolist() == [6, 2]
    assert "<table>" in FULL._repr_html_()


def test_what_is_missing_is_named():
    empty = Finding([Section("Words", "Only.")])
    with pytest.raises(ArgumentError, match="table: expected a finding report with a table, got none"):
        empty.table()
    with pytest.raises(ArgumentError, match="figure: expected a finding report with a figure, got none"):
        empty.figure()


def test_paragraphs_escape_before_they_mark():
    assert paragraphs("`<b>`\n\n\n**&**") == "<p><code>&lt;b&gt;</code></p><p><strong>&amp;</strong></p>"
    assert page("t", [Section("h", "w")]).count("<section>") == 1


def test_names_of_others_are_neither_formulas_nor_tags_nor_markup(capsys):
    figure = new_figure(3, 2)
    draw_bars(style_axes(figure.subplots(), title=r"a$\frac{$b", x="$x_$"), ["$\\nope$", "b"], {"$c{": [1, 2]})
    figure.axes[0].legend()
    assert png(figure)[1:4] == b"PNG"
    table = Table("t[/b]", ("[red]c", "d:smile:"), [("[/x]", "\x1b[2J")], "note [/]")
    Console(width=60).print(table.rich())
    told = capsys.readouterr().out
    for word in ("t[/b]", "[red]c", "d:smile:", "[/x]", r"\x1b[2J", "note [/]"):
        assert word in told

    class Named(Finding):
        title = "<script>"

    assert "<h3>&lt;script&gt;</h3>" in Named([])._repr_html_()


def test_as_text_a_report_is_its_title_its_summary_and_its_first_table():
    told = str(FULL)
    assert told.startswith("What <was> found\n\nIt fell by 10 %.\n\n")
    assert told.splitlines()[-1].strip() == "1"
    assert "tensor" not in told
    assert str(Finding([Section("Words", "One.")])) == "What <was> found\n\nIt fell by 10 %."


def test_the_page_has_every_part_where_it_belongs(tmp_path):
    text = FULL.save_html(tmp_path / "r.html").read_text()
    assert '<p class="kicker">haar · finding</p>' in text
    assert '<div class="lead"><p>It <strong>fell</strong> by <code>10 %</code>.</p></div>' in text
    assert "<footer>haar</footer>" in text
    assert text.index("<h2>Words</h2>") < text.index("<p>One.</p><p>Two.</p>") < text.index("<h2>Numbers</h2>")
    assert "<figcaption>A &amp; B</figcaption>" in text
    assert "<h2></h2>" not in text
    bare = page("t", [Section("Loss", figure=new_figure(1, 1))])
    assert 'alt="Loss"' in bare
    assert not any(word in bare for word in ("figcaption>", 'class="lead"', "<footer>"))
    assert '<p class="kicker">haar</p>' in bare


def test_a_report_that_says_no_more_than_it_must():
    class Least(Report):
        kind = "least"
        title = "Least"

        def contents(self):
            return {"found": 3}

        def sections(self):
            return []

    assert (Least().summary, Least().footer, Least().to_dict()) == ("", "", {"kind": "least", "schema": 1, "found": 3})
    assert Least()._repr_html_() == "<h3>Least</h3>"


def test_pictures_are_sharp_and_carry_no_version():
    picture = png(new_figure(2, 1))
    width, height = (int.from_bytes(picture[k : k + 4], "big") for k in (16, 20))
    assert (width, height) == (288, 144)
    assert b"Software" not in picture


def test_powers_on_an_axis_stay_formulas():
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.plot([1e-3, 1e3], [1, 2])
    axes.set_xscale("log")
    axes.set_title("$x$")
    png(figure)
    assert not axes.title.get_parse_math()
    assert all(label.get_parse_math() for label in axes.get_xticklabels() if "mathdefault" in label.get_text())
    assert any("mathdefault" in label.get_text() for label in axes.get_xticklabels())


def test_a_report_is_printed_as_its_table():
    assert str(FULL) == "What <was> found\n\nIt fell by 10 %.\n\n" + str(FULL.sections()[1].table)
    assert str(Finding([])) == "What <was> found\n\nIt fell by 10 %."


def test_the_first_table_is_a_data_frame(monkeypatch):
    pandas = pytest.importorskip("pandas", reason="needs the extra haar[tables]")
    table = Table("t", ("model", "loss"), [("base", 0.25), ("averaged", None)])
    frame = Finding([Section("Words", "One."), Section("Numbers", table=table)]).to_pandas()
    assert frame["loss"][0] == 0.25
    assert frame["loss"].isna().tolist() == [False, True]
    assert list(frame.columns) == ["model", "loss"]
    assert isinstance(frame, pandas.DataFrame)
    with pytest.raises(ArgumentError, match="table: expected a finding report with a table, got none"):
        Finding([]).to_pandas()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'haar\[tables\]'"):
        table.to_pandas()


def test_a_report_that_is_one_picture_draws_on_given_axes():
    class Drawn(Finding):
        def draw(self, axes):
            axes.set_title("drawn")

    whole = Figure()
    for axes in (whole.add_subplot(), whole.subfigures(1, 2)[1].subplots()):
        assert Drawn([]).figure(ax=axes) is whole
        assert axes.get_title() == "drawn"
    with pytest.raises(
        ArgumentError, match=r"ax: expected nothing: .* got axes for a finding report; figure\(\) makes"
    ):
        FULL.figure(ax=axes)
    axes.remove()
    with pytest.raises(ArgumentError, match="ax: expected axes of a figure"):
        Drawn([]).figure(ax=axes)
