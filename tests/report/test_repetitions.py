"""pytest tests/report/test_repetitions.py"""

import pytest

from sfr_eval.report import repetitions as clusters
from tests.support.reply_data import prompt, reply


def test_clusters_count_replies_questions_and_personas() -> None:
    texts = {
        ("q1", "a"): ["I am happy to help you now.", "I am happy to help you now. "],
        ("q1", "b"): ["I am happy to help you now.", "Alone."],
        ("q2", "a"): ["I am happy to help her.", ""],
    }
    rows = [row for (q, p), own in texts.items() for row in prompt(q, own, persona=p)]
    rows.append(reply(1.0, "q2", "b", 0, text="I am happy to help you now.", status="error"))
    (found,) = clusters.repetitions(rows)
    assert found.replies == 5  # neither the empty one nor the error
    assert found.copies == pytest.approx(3 / 5)  # three of q1 are one text
    whole, opening = found.clusters
    assert (whole.kind, whole.count, whole.queries, whole.personas) == ("reply", 3, 1, 2)
    assert whole.share == pytest.approx(3 / 5)
    assert (opening.text, opening.count, opening.queries) == ("I am happy to help", 4, 2)
    assert [row["kind"] for row in clusters.rows("s", [found])] == ["reply", "opening"]


def test_the_same_text_to_two_questions_is_a_cluster_but_no_copy() -> None:
    (found,) = clusters.repetitions([reply(1.0, q, "", 0, text="No.") for q in ("q1", "q2")])
    assert found.copies == 0
    # Its opening is no cluster of its own: no other reply begins like this.
    assert [(c.kind, c.count, c.queries) for c in found.clusters] == [("reply", 2, 2)]
    assert clusters.repetitions([reply(1.0, "q", "", 0, text=" ")]) == []


def test_a_cluster_names_the_prompt_with_most_of_its_replies() -> None:
    rows = prompt("q1", ["Same.", "b c"]) + prompt("q2", ["d e", "Same.", "Same."])
    (found,) = clusters.repetitions(rows)
    (cluster,) = found.clusters
    assert cluster.cell == (1.0, "q2", "a")
    assert cluster.sample_id == rows[3].sample_id
    assert clusters.wanted([found]) == {cluster.sample_id: cluster.cell}


def test_a_long_text_is_looked_for_by_its_beginning() -> None:
    long = "word\n  and word " * 80
    (found,) = clusters.repetitions(prompt("q", [long, long]))
    (cluster,) = found.clusters
    assert cluster.text.endswith("[cut here]")
    assert len(cluster.search) == clusters.SEARCHED
    assert " ".join(long.split()).startswith(cluster.search)
