import uPlot from "uplot";
// Lines with bands: each series needs its two ends as series of their own. Draws on a canvas.
window.draw = function (box, chart) {
  const series = [{}], bands = [], columns = [chart.series[0].points.map(p => p.x)];
  chart.series.forEach(function (one, i) {
    const at = series.length;
    columns.push(one.points.map(p => p.y_low), one.points.map(p => p.y_high),
      one.points.map(p => p.y));
    series.push({ width: 0, points: { show: false } }, { width: 0, points: { show: false } },
      { label: one.name, stroke: window.colours[i], width: 2 });
    bands.push({ series: [at + 1, at], fill: window.colours[i] + "33" });
  });
  new uPlot({ width: 370, height: 290, title: chart.title, series: series, bands: bands,
    scales: { x: { time: false } } }, columns, box);
};
