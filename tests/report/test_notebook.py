from sfr_eval.report.notebook import estimates_html, headline_estimates, run_html
from sfr_eval.store.manifest import Manifest, PlannedSuite
from sfr_eval.store.results import Results
from tests.support.report_data import estimate


def test_estimates_are_a_table_with_intervals() -> None:
    html = estimates_html([estimate("embed_distance", 0.3), estimate("length", None)])
    assert "<td>Distance in meaning ↑</td><td>0.300 ± 0.010</td><td>5</td><td>2</td>" in html
    assert "no reply with text" in html


def test_a_run_shows_its_scoreboard_and_escapes_its_name() -> None:
    manifest = Manifest(name="<b>", plan=(PlannedSuite(suite="persona", title="Nine & one"),))
    html = run_html(manifest, Results(estimates=(estimate("embed_distance", 0.3),)))
    assert "<strong>&lt;b&gt;</strong>" in html
    assert "Nine &amp; one, T = 1" in html
    assert "0.300 ± 0.010" in html


def test_a_run_without_results_has_its_facts() -> None:
    assert "<strong>sft</strong>" in run_html(Manifest(name="sft"), None)


def test_the_short_table_leaves_out_personas_and_variants() -> None:
    rows = [
        estimate("length", 4.0),
        estimate("embed_distance", 0.3),
        estimate("embed_distance", 0.2, persona="pirate"),
        estimate("distinct_1", 0.5),
    ]
    assert [row.metric for row in headline_estimates(rows)] == ["embed_distance", "length"]
    assert headline_estimates(rows[3:]) == rows[3:]
