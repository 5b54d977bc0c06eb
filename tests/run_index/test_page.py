"""index.html as text: what it says, and that no text of a run becomes markup."""

import re
from pathlib import Path

from sfr_eval.run_index.page import render
from sfr_eval.run_index.runs import rows_of
from sfr_eval.run_index.tree import find_tree
from sfr_eval.store.manifest import Manifest
from tests.support.index_data import VARIETY, copy_run

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def page(folder: Path, *, live: str = "") -> str:
    tree = find_tree([folder])
    return render(tree, rows_of(tree), folder=folder, live=live)


def test_hostile_names_stay_text(source: Path, tmp_path: Path) -> None:
    plan = Manifest.load(source).stored()["plan"]
    about = {"name": HOSTILE, "plan": [plan[0] | {"title": HOSTILE}], "config": {"model": HOSTILE}}
    for name in "ab":
        copy_run(source, tmp_path / f"checkpoint-{name}1<b>", about=about)
    text = page(tmp_path)
    assert "alert(1)</script>" not in text
    assert "<img" not in text
    assert "<b>" not in text


def test_a_page_from_disk_asks_nobody(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "run")
    assert "connect-src" not in page(tmp_path)
    assert "fetch(" not in page(tmp_path)
    served = page(tmp_path, live="abc")
    assert "connect-src 'self';" in served
    assert 'data-stamp="abc"' in served


def test_a_column_that_says_the_same_everywhere_starts_hidden(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "a", about={"status": "partial"})
    copy_run(source, tmp_path / "b")
    boxes = dict(re.findall(r'class="run-column" value="(\w+)"( checked)?', page(tmp_path)))
    assert not boxes["suite"]
    assert not boxes["decoder"]
    assert boxes["status"]
    assert boxes["variety"]


def test_two_metrics_in_one_column_are_named_in_the_cells(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "a")
    assert "two replies" in re.findall(r'<th scope="col" class="c-variety">.*', page(tmp_path))[0]
    other = copy_run(source, tmp_path / "b")
    results = other / "results.json"
    results.write_text(results.read_text().replace(VARIETY, "embed_distance"))
    text = page(tmp_path)
    assert "two replies" not in re.findall(r'<th scope="col" class="c-variety">.*', text)[0]
    assert text.count('<span class="quiet of"') == 2
    # And they share no leaderboard.
    assert "leaderboard" not in re.sub(r"<(style|script).*?</\1>", "", text, flags=re.DOTALL)


def test_damage_is_said_in_a_quiet_row(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    text = page(tmp_path)
    assert 'class="quiet-row"' in text
    assert "manifest.json: damaged; restore it" in text
