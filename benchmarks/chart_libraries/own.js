// The scripts of the page, which benchmarks/charts.py puts in front of this line.
window.draw = function (box, chart) { sfr.drawChart(box, chart); };
