"""pytest tests/report/test_plot_files.py"""

from pathlib import Path

from matplotlib.axes import Axes

from sfr_eval.report.figures import Figure
from sfr_eval.report.plot_files import write_plots


def figure() -> Figure:
    return Figure(title="One point", description="A point.", rows=[{"x": 1.5}], draw=draw)


def draw(ax: Axes) -> None:
    ax.plot([1.5], [0], "o")


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_images_are_there_where_they_are_asked_for(tmp_path: Path) -> None:
    write_plots(tmp_path / "suite-v1.5", [figure()], images=False)
    assert names(tmp_path) == {"suite-v1.5.csv"}
    write_plots(tmp_path / "suite-v1.5", [figure()], images=True)
    assert names(tmp_path) == {"suite-v1.5.csv", "suite-v1.5.png", "suite-v1.5.svg"}


def test_images_of_other_numbers_do_not_stay(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_plots(tmp_path / name, [figure()], images=True)
    write_plots(tmp_path / "one", [figure()], images=False)
    assert names(tmp_path) == {"one.csv", "two.csv", "two.png", "two.svg"}


def test_no_figure_is_no_file(tmp_path: Path) -> None:
    figures: list[Figure] = []
    for images in (False, True):
        write_plots(tmp_path / "none", figures, images=images)
    assert names(tmp_path) == set()
