import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent, LegendComponent, TitleComponent,
  DataZoomComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
echarts.use([LineChart, GridComponent, TooltipComponent, LegendComponent, TitleComponent,
  DataZoomComponent, SVGRenderer]);
// A band is two lines stacked: the lower one unseen, the difference shaded.
window.draw = function (box, chart) {
  const series = chart.series.flatMap(function (one, i) {
    const hidden = { type: "line", stack: one.name, symbol: "none", lineStyle: { opacity: 0 } };
    return [{ ...hidden, data: one.points.map(p => [p.x, p.y_low]) },
      { ...hidden, data: one.points.map(p => [p.x, p.y_high - p.y_low]),
        areaStyle: { color: window.colours[i], opacity: 0.2 } },
      { type: "line", name: one.name, data: one.points.map(p => [p.x, p.y]),
        color: window.colours[i] }];
  });
  echarts.init(box, null, { renderer: "svg", width: 370, height: 290 }).setOption({
    animation: false, title: { text: chart.title }, legend: {}, tooltip: {}, xAxis: {}, yAxis: {},
    series: series });
};
