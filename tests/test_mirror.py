"""pytest tests/test_mirror.py: every module has a test file of its name, or stands in a list."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
WITHOUT_A_TEST_FILE = {
    "sfr_eval": "demo errors settings types version",
    "sfr_eval/calibration": "criteria design panels",
    "sfr_eval/commands": "calibrate check demo doctor_draws export report train",
    "sfr_eval/comparison": "differences files matched result",
    "sfr_eval/endpoints": "bounded",
    "sfr_eval/formats/read": "checks folder reply",
    "sfr_eval/formats/write": "model_card source",
    "sfr_eval/gate": "evidence markdown places snapshot",
    "sfr_eval/grading": "behaviour",
    "sfr_eval/judges": "votes",
    "sfr_eval/metrics": "checks code",
    "sfr_eval/models": "states_on_disk",
    "sfr_eval/pipeline": "job reference score",
    "sfr_eval/report": (
        "hidden_maps hidden_two_runs layer_profiles page pass_at_k tables token_curves verdict"
    ),
    "sfr_eval/samplers": "rows subject",
    "sfr_eval/sandbox": "attempt detect evalplus evalplus_inputs grade isolation run types",
    "sfr_eval/sandbox/inside": "asserts compat confine fresh keeper plain prelude server wire",
    "sfr_eval/stats": "arrays jackknife rarefaction",
    "sfr_eval/suites": "spec stored",
    "sfr_eval/suites/world": "persona_source",
    "sfr_eval/util": "assets untrusted",
    "train/sfr_train": "settings",
    "train/sfr_train/data": "hub",
    "train/sfr_train/loop": "forks sft_config",
    "train/sfr_train/objectives": (
        "base ce cka dft focal future_cosine future_mse gem label_smoothing mtp neftune sfr tofu"
    ),
}
"""Folder -> modules whose tests stand in the file of another module. The list may only shrink: give
a new module a test file, and strike a module off the list when it gets one."""


def test_the_list_of_modules_without_a_test_file_is_exact() -> None:
    listed = {f"{folder}/{name}" for folder, n in WITHOUT_A_TEST_FILE.items() for name in n.split()}
    missing = {
        str(module.relative_to(ROOT).with_suffix(""))
        for package, tests in (("sfr_eval", "tests"), ("train/sfr_train", "tests/train"))
        for module in (ROOT / package).rglob("*.py")
        if not module.name.startswith("__")
        and not (
            ROOT / tests / module.relative_to(ROOT / package).with_name(f"test_{module.name}")
        ).is_file()
    }
    assert not missing - listed, "give these modules a test file of their name"
    assert not listed - missing, "strike these off the list: they have a test file, or are gone"
