import { plot, areaY, lineY, dot, tip, pointer } from "@observablehq/plot";
window.draw = function (box, chart) {
  const rows = chart.series.flatMap(one => one.points.map(p => ({ ...p, run: one.name })));
  box.append(plot({ width: 370, height: 290, title: chart.title, color: { legend: true }, marks: [
    areaY(rows, { x: "x", y1: "y_low", y2: "y_high", fill: "run", fillOpacity: 0.2 }),
    lineY(rows, { x: "x", y: "y", stroke: "run" }), dot(rows, { x: "x", y: "y", fill: "run" }),
    tip(rows, pointer({ x: "x", y: "y" }))] }));
};
