// Any metric against any other: a chart over two axes that the reader chooses.
(function () {
  "use strict";
  const charts = sfr.charts, known = charts.known;

  charts.kinds.plane = function (view) {
    const source = view.chart;
    const chosen = { x: source.x, y: source.y };
    const axes = new Map(source.axes.map(function (one) { return [one.metric, one]; }));
    function derive() {
      const field = function (point, axis, i) {
        return point[chosen[axis]][i] === null ? undefined : point[chosen[axis]][i];
      };
      // Where lower is better the axis is reversed: further up and further right is better.
      const axis = function (metric) {
        const one = axes.get(metric);
        return Object.assign({}, one, { reversed: one.direction === "lower" });
      };
      return { title: source.title, x: axis(chosen.x), y: axis(chosen.y),
        series: (source.series || []).map(function (series) {
          const points = [], turns = [];
          (series.points || []).forEach(function (point, i) {
            if (!point[chosen.x] || !point[chosen.y]) return;
            [chosen.x, chosen.y].forEach(function (metric) {
              if ((series.turns || {})[metric] === i) turns.push(points.length);
            });
            points.push({ x: field(point, "x", 0), x_low: field(point, "x", 1),
              x_high: field(point, "x", 2), y: field(point, "y", 0), y_low: field(point, "y", 1),
              y_high: field(point, "y", 2), label: (series.labels || [])[i],
              replies: (series.replies || [])[i] });
          });
          return { name: series.name, number: series.number, marker: series.marker, points: points,
            thin: series.thin, group: series.group, line: series.marker === "star" ? "none" : "solid",
            dashed_from: turns.length ? Math.min.apply(null, turns) : undefined };
        }) };
    }
    view.chart = derive();
    const kind = charts.kinds.xy(view);
    view.corner = true;
    const options = source.axes.map(function (one) {
      const better = charts.better(one.direction);
      const name = charts.axisName(one, one.metric);
      return [one.metric, name + (better ? " (" + better + ")" : ""), one.role || ""];
    });
    function choose(axis, metric) {
      chosen[axis] = metric;
      view.plot = derive();
      view.log[axis] = view.plot[axis].log;
      view.zoom = {};
      charts.draw(view);
    }
    const selects = {};
    [["y", "Upwards"], ["x", "Across"]].forEach(function (one) {
      selects[one[0]] = charts.choice(view.controls, one[1], options, chosen[one[0]],
        function (metric) { choose(one[0], metric); });
    });
    charts.button(view.controls, "chart-swap", "Swap axes", function () {
      const was = Object.assign({}, chosen);
      choose("x", was.y);
      choose("y", was.x);
      selects.x.value = chosen.x;
      selects.y.value = chosen.y;
    });
    return kind;
  };
})();
