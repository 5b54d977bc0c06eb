from sfr_eval.report.metric_names import metric_name


def test_a_name_has_an_arrow_and_its_definition() -> None:
    name = metric_name("embed_distance")
    assert (name.label, name.arrow, name.anchor) == (
        "Distance in meaning",
        "↑",
        "metric-embed_distance",
    )
    assert name.description


def test_lower_and_neither_have_arrows_of_their_own() -> None:
    assert metric_name("rouge_l_homogenization").arrow == "↓"
    assert metric_name("length").arrow == "↕"


def test_an_unknown_metric_is_called_by_its_id() -> None:
    name = metric_name("of_a_newer_version")
    assert (name.label, name.arrow, name.description) == ("of_a_newer_version", "↕", "")
