"""`tracker model` on files of paths: what it reads, what it refuses with which line, what it prints."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracker import cli
from tracker.attribution import _csv
from tracker.errors import BadInput

HEADER = "path,total_conversions,total_conversion_value,total_null\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `tracker model run` on a text, with no installation anywhere near."""
    monkeypatch.setenv("DATABASE_URL", "nonsense://")
    file = tmp_path / "paths.csv"

    def run(model: str, text: str, *options: str) -> tuple[int, str, str]:
        file.write_bytes(text.encode())
        monkeypatch.setattr(sys, "argv", ["tracker", "model", "run", model, "--paths", str(file), *options])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return run


def rows(run: Run, model: str, text: str, *options: str) -> list[dict[str, Any]]:
    code, out, err = run(model, text, *options, "--json")
    assert code == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


def refused(run: Run, text: str, *options: str, model: str = "linear") -> str:
    code, out, err = run(model, text, *options)
    assert (code, out) == (2, "")
    return err


# --- what it prints ---------------------------------------------------------------------------------------------------


def test_a_rule_prints_conversions_and_value_of_each_channel(run: Run) -> None:
    assert rows(run, "linear", HEADER + "tiktok > blog,4,100.50,7\nblog,1,9.25,0\n") == [
        {"channel": "blog", "conversions": 3, "value": 59.5},
        {"channel": "tiktok", "conversions": 2, "value": 50.25},
    ]


def test_a_removal_effect_is_printed_where_the_model_has_one(run: Run) -> None:
    found = rows(run, "markov", HEADER + "a > c,1,1,0\nb > c,0,0,1\n", "--order", "2")
    assert [(row["channel"], row["removal_effect"]) for row in found] == [("a", 1), ("c", 1), ("b", 0)]


def test_what_a_file_lacks_is_left_out(run: Run) -> None:
    assert rows(run, "last_click", "path,total_conversions\na > b,3\n") == [
        {"channel": "b", "conversions": 3},
        {"channel": "a", "conversions": 0},
    ]


def test_paths_without_touches_have_a_row_of_their_own(run: Run) -> None:
    text = HEADER + "a,1,5,0\n,2,10,7\n(baseline),1,1,0\n"
    assert rows(run, "last_click", text)[-1] == {
        "channel": "(baseline)", "baseline": True, "conversions": 2, "value": 10,
    }  # fmt: skip


def test_settings_are_the_models_own(run: Run) -> None:
    found = rows(run, "position_based", HEADER + "a > b,8,8,0\n", "--setting", "first=3/4", "--setting", "last=1/4")
    assert [row["conversions"] for row in found] == [6, 2]


def test_people_get_a_table_and_its_caveats(run: Run) -> None:
    code, out, _ = run("markov", "path,total_conversions\na > b,3\n")
    assert code == 0
    assert "removal effect" in out
    assert "no total_null" in out
    assert "do not sum" in run("participation", "path,total_conversions\na > b,3\n")[1]


def test_the_list_names_every_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tracker", "model", "list", "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["markov"] == {
        "name": "markov", "title": "Markov removal effect", "version": 1, "additive": True, "may_pay": False,
        "settings": {"order": "1"},
    }  # fmt: skip
    assert {"first_click", "last_click", "linear", "position_based", "time_decay"} <= set(found)


def test_the_list_of_commands_loads_no_arrays() -> None:
    script = (
        "import sys, tracker.cli.model; from tracker.plugins import discover; discover('tracker.attribution');"
        "sys.exit(bool({'numpy', 'scipy', 'polars'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# --- what it reads ----------------------------------------------------------------------------------------------------


def test_other_columns_their_sequence_and_a_byte_order_mark_do_not_matter(run: Run) -> None:
    text = "\ufeffcampaign,total_null,path,total_conversions\nspring,3,a > b,2\n"
    assert rows(run, "first_click", text)[0] == {"channel": "a", "conversions": 2}


def test_quoted_names_hold_commas_quotes_line_breaks_and_every_other_separator(run: Run) -> None:
    text = HEADER + '"Ads, paid > ""Blog""\n > a>b > (start)",4,8,\n'
    found = rows(run, "linear", text)
    assert sorted(row["channel"] for row in found) == ['"Blog"', "(start)", "Ads, paid", "a>b"]
    assert {row["conversions"] for row in found} == {1}


def test_another_separator_may_be_said(run: Run) -> None:
    assert [row["channel"] for row in rows(run, "linear", HEADER + "a>b,2,2,0\n", "--separator", ">")] == ["a", "b"]
    assert [row["channel"] for row in rows(run, "linear", HEADER + "a->b,2,2,0\n", "--separator", "->")] == ["a", "b"]


def test_a_separator_that_occurs_nowhere_is_asked_about(run: Run) -> None:
    assert "--separator" in refused(run, HEADER + "a>b,2,2,0\nc,1,1,1\n")


def test_rows_of_one_path_are_added_up_and_names_are_trimmed(run: Run) -> None:
    found = rows(run, "last_click", HEADER + "a > b,1,0.1,0\na > b,2,0.2,0\na >  b ,4,0.4,0\n")
    assert found[0]["conversions"] == 7
    assert found[0]["value"] == pytest.approx(0.7)


def test_an_empty_figure_is_nothing(run: Run) -> None:
    assert rows(run, "linear", HEADER + "a,1,,\nb,,,5\n")[0] == {"channel": "a", "conversions": 1, "value": 0}


def test_parts_of_conversions_and_refunds_are_figures_like_any(run: Run) -> None:
    found = rows(run, "linear", HEADER + "a,0.5,-3.5,1\nb,1.7,1e2,0\n")
    assert [(row["conversions"], row["value"]) for row in found] == [(1.7, 100), (0.5, -3.5)]


def test_a_file_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tracker", "model", "run", "linear", "--paths", "-", "--json"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"path,total_conversions\na,3\n")))
    with pytest.raises(SystemExit):
        cli.main()
    assert json.loads(capsys.readouterr().out) == [{"channel": "a", "conversions": 3}]


def test_a_file_with_a_header_alone_has_no_channels(run: Run) -> None:
    assert rows(run, "markov", HEADER) == []


# --- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,1,1,0\nb,many,1,0\n", "line 3: total_conversions is “many”"),
        ("a,1,1,0\nb,1,1,0\nc,1,\"1,5\",0\n", "line 4: total_conversion_value is “1,5”"),
        ('"a\nb",1,1,0\nc,1,1,x\n', "line 4: total_null is “x”"),
        ("a,-1,1,0\n", "line 2: total_conversions is -1; fewer than none"),
        ("a,1,1,-2\n", "line 2: total_null is -2; fewer than none"),
        ("a,1,nan,0\n", "line 2: total_conversion_value is “nan”"),
        ("a,1,inf,0\n", "line 2: total_conversion_value is “inf”"),
        ("a,1,1,0,7\n", "line 2 has 5 cells"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_is_named_with_its_line(run: Run, text: str, said: str) -> None:
    assert said in refused(run, HEADER + text)


def test_a_touch_without_a_name_is_refused(run: Run) -> None:
    assert "touch without a name" in refused(run, HEADER + "a >  > b,1,1,0\n")


def test_a_file_without_its_columns_is_refused(run: Run) -> None:
    assert "no column path and no total_conversions" in refused(run, "journey;conversions\na;1\n")
    assert "no column path" in refused(run, "")
    assert "twice" in refused(run, "path,path,total_conversions\n")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not UTF-8"):
        _csv.read(HEADER.encode() + "é,1,1,1\n".encode("latin-1"))


def test_a_file_that_is_not_there_is_refused(run: Run) -> None:
    assert "there is no file" in refused(run, HEADER, "--paths", "/nowhere.csv")


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("attention", (), "there is no model attention; there are"),
        ("linear", ("--order", "2"), "linear has no setting order"),
        ("markov", ("--order", "4"), "the order is one of 1, 2, 3, not 4"),
        ("markov", ("--setting", "order"), "want a name and a value"),
        ("time_decay", (), "time_decay: needs to know how long before"),
        ("linear", ("--separator", " "), "more than blanks"),
    ],
)
def test_what_a_model_cannot_do_is_one_line(run: Run, model: str, options: tuple[str, ...], said: str) -> None:
    err = refused(run, HEADER + "a > b,1,1,0\n", *options, model=model)
    assert said in err
    assert err.count("\n") == 1
