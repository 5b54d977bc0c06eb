"""pytest tests/comparison/test_notebook.py"""

from tests.support.comparison_data import comparison_of, difference


def test_a_notebook_shows_verdict_and_primary_rows() -> None:
    comparison = comparison_of(
        {
            "b<i>": [
                difference(-0.25, call="loss", words="less varied"),
                difference(0.4, role=None, call="exploratory", metric="length"),
            ]
        }
    )
    text = comparison._repr_html_()
    assert "b&lt;i&gt;" in text
    assert "<i>" not in text
    assert "<td>Distance in meaning ↑</td><td>T = 1</td><td>1</td><td>0.75</td>" in text
    assert "-0.25" in text
    assert "less varied" in text
    assert "Length" not in text
