import * as vega from "vega";
import { compile } from "vega-lite";
import { expressionInterpreter } from "vega-interpreter";
// `window.interpreted`: expressions by the interpreter, since a strict policy forbids eval.
window.draw = function (box, chart) {
  const rows = chart.series.flatMap(one => one.points.map(p => ({ ...p, run: one.name })));
  const x = { field: "x", type: "quantitative" };
  const spec = compile({ width: 300, height: 230, title: chart.title, data: { values: rows },
    encoding: { color: { field: "run", type: "nominal" } }, layer: [
      { mark: { type: "area", opacity: 0.2 }, encoding: { x: x,
        y: { field: "y_low", type: "quantitative" }, y2: { field: "y_high" } } },
      { mark: { type: "line", point: true, tooltip: true },
        encoding: { x: x, y: { field: "y", type: "quantitative" } } }] }).spec;
  const parsed = window.interpreted ? vega.parse(spec, null, { ast: true }) : vega.parse(spec);
  const options = { renderer: "svg", container: box, hover: true };
  if (window.interpreted) options.expr = expressionInterpreter;
  return new vega.View(parsed, options).runAsync();
};
