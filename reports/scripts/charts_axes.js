// Axes over two numbers, and labels that cover nothing.
(function () {
  "use strict";
  const charts = sfr.charts, svg = charts.svg, known = charts.known;
  const LINE = charts.SIZE + 3;
  const OWN = 10;  // so many places on the x axis, where points are, are its ticks

  // All that is drawn of a series along one axis, "x" or "y"; with `inside`, only where x is there.
  charts.values = function (series, axis, inside) {
    const list = [];
    const use = function (value, x) {
      if (known(value) && (!inside || !known(x) || (x >= inside[0] && x <= inside[1]))) {
        list.push(value);
      }
    };
    if (!(series.level && axis === "x")) {
      series.points.forEach(function (p) {
        const x = series.level ? undefined : p.x;
        [p[axis], p[axis + "_low"], p[axis + "_high"]].forEach(function (one) { use(one, x); });
      });
    }
    const along = series.band_along === axis;
    (series.band || []).forEach(function (b) {
      const x = series.band_along === "y" ? undefined : b[0];
      if (along) use(b[0], x);
      else { use(b[1], x); use(b[2], x); }
    });
    (series.area || []).forEach(function (polygon) {
      polygon.forEach(function (one) { use(one[axis === "x" ? 0 : 1], one[0]); });
    });
    return list;
  };
  charts.extent = function (axis, list, log) {
    const possible = axis.possible || [null, null];
    if (!list.length) {
      const start = possible[0] || 0;
      return [start, known(possible[1]) ? possible[1] : start + 1];
    }
    let low = Infinity, high = -Infinity;
    list.forEach(function (one) { low = Math.min(low, one); high = Math.max(high, one); });
    if (log) return low === high ? [low / 2, high * 2] : [low / 1.08, high * 1.08];
    // A tight axis would show a jump where numbers are all but the same: on an axis that has an
    // end to half a unit, on others to their size.
    const own = Math.max(Math.abs(low), Math.abs(high), known(possible[1]) ? 0.5 : 0);
    const size = own < 1e-12 ? 1 : own;
    const room = high - low < 0.02 * size ? 0.1 * size : 0.06 * (high - low);
    const least = known(possible[0]) ? possible[0] : -Infinity;
    const most = known(possible[1]) ? possible[1] : Infinity;
    return [Math.max(least, low - room), Math.min(most, high + room)];
  };
  // The name of what is on an axis. Its label may be only which way is better, where a title names
  // it; on a second line the static drawing says that too.
  charts.axisName = function (axis, title) {
    const first = (axis.label || "").split("\n")[0];
    return !first || / better$/.test(first) ? title : first;
  };
  charts.axisLabel = function (axis, title) {
    const better = charts.better(axis.direction), name = charts.axisName(axis, title);
    if (!name || name === title) return / better$/.test(axis.label) ? axis.label : better;
    return name + (better ? " (" + better + ")" : "");
  };
  // Ticks where points are, if these are few and shared: temperatures, numbers of replies.
  function places(view, shown, ends) {
    const list = new Set();
    shown.forEach(function (one) {
      if (!one.level) one.points.forEach(function (p) { list.add(p.x); });
    });
    const round = Array.from(list).every(function (one) { return Number(one.toPrecision(3)) === one; });
    if (view.corner || !round || !list.size || list.size > OWN) return null;
    return Array.from(list).sort(function (a, b) { return a - b; }).filter(function (one) {
      return one >= ends[0] && one <= ends[1];
    }).map(function (one) { return [one, String(Number(one.toPrecision(4)))]; });
  }
  charts.ticksOf = function (view, axis, shown, ends, count) {
    const own = view.plot[axis].ticks;
    if (view.plot[axis].bare) return [];
    if (own && own.length) {
      return own.filter(function (one) { return one[0] >= ends[0] && one[0] <= ends[1]; });
    }
    return (axis === "x" && places(view, shown, ends)) ||
      charts.ticks(ends[0], ends[1], count, view.log[axis], view.plot[axis].integer);
  };
  // `frame`: the ends of the axes in pixels, x0, x1, y0 (below), y1, and the scales x and y.
  charts.axes = function (view, frame, ticks, labels) {
    const back = svg("g", { fill: "var(--quiet)" }, view.svg);
    const half = function (one) { return charts.width(one[1]) / 2 + 4; };
    const sorted = ticks.x.slice().sort(function (a, b) { return frame.x(a[0]) - frame.x(b[0]); });
    const right = frame.x1 + 12;  // of the drawing
    let last = -Infinity;
    sorted.forEach(function (one) {
      const at = frame.x(one[0]);
      if (at - half(one) < last) return;
      last = at + half(one);
      svg("line", { x1: at, x2: at, y1: frame.y0, y2: frame.y1, stroke: "var(--grid)" }, back);
      svg("text", { x: Math.min(at, right - half(one) + 2), y: frame.y0 + 16,
        "text-anchor": "middle" }, back, one[1]);
    });
    ticks.y.forEach(function (one) {
      const at = frame.y(one[0]);
      svg("line", { x1: frame.x0, x2: frame.x1, y1: at, y2: at, stroke: "var(--grid)" }, back);
      svg("text", { x: frame.x0 - 6, y: at + 4, "text-anchor": "end" }, back, one[1]);
    });
    svg("polyline", { points: [frame.x0, frame.y1, frame.x0, frame.y0, frame.x1, frame.y0].join(" "),
      fill: "none", stroke: "var(--quiet)" }, back);
    labels.x.forEach(function (text, i) {
      svg("text", { x: (frame.x0 + frame.x1) / 2, y: frame.y0 + 18 + LINE * (i + 1),
        "text-anchor": "middle", fill: "var(--ink)" }, back, text);
    });
    labels.y.forEach(function (text, i) {
      svg("text", { x: 2, y: LINE * (i + 1) - 3, fill: "var(--ink)" }, back, text);
    });
    const toX = view.plot.x.direction, toY = view.plot.y.direction;
    if (view.corner && toX && toY) {
      const right = (toX === "higher") !== Boolean(view.plot.x.reversed);
      const top = (toY === "higher") !== Boolean(view.plot.y.reversed);
      const arrow = top ? (right ? "\u2197" : "\u2196") : (right ? "\u2198" : "\u2199");
      svg("text", { x: right ? frame.x1 : frame.x0, y: top ? frame.y1 - 8 : frame.y0 + 32,
        "text-anchor": right ? "end" : "start", fill: "var(--good)", "font-weight": 600,
        "class": "chart-better" }, back, right ? "better " + arrow : arrow + " better");
    }
  };
  function overlaps(a, list) {
    return list.some(function (b) {
      return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
    });
  }
  // Names at the right ends of curves, pushed apart.
  charts.endNames = function (view, frame, curves, boxes) {
    const list = curves.map(function (one) {
      const p = one.level ? one.points[0] : one.points.reduce(function (a, b) {
        return frame.x(b.x) > frame.x(a.x) ? b : a;
      });
      return { one: one, from: one.level ? frame.x1 : frame.x(p.x), y: frame.y(p.y) };
    }).filter(function (one) { return one.y >= frame.y1 - 1 && one.y <= frame.y0 + 1; });
    list.sort(function (a, b) { return a.y - b.y; });
    list.forEach(function (one, i) {
      one.at = Math.max(one.y, i ? list[i - 1].at + LINE : frame.y1);
    });
    let limit = frame.y0;
    list.slice().reverse().forEach(function (one) {
      one.at = Math.min(one.at, limit);
      limit = one.at - LINE;
    });
    list.forEach(function (one) {
      svg("line", { x1: one.from + 6, y1: one.y, x2: frame.x1 + 5, y2: one.at,
        stroke: charts.colour(one.one), "stroke-width": 0.8, opacity: 0.6 }, view.svg);
      svg("text", { x: frame.x1 + 8, y: one.at + 4, fill: "var(--ink)", "class": "chart-name",
        "data-series": charts.seriesKey(one.one) }, view.svg, charts.cut(one.one.name, 150));
      boxes.push([frame.x1 + 6, one.at - 8, 150, 16]);
    });
  };
  function along(boxes, a, b) {
    const steps = Math.ceil(Math.hypot(b[0] - a[0], b[1] - a[1]) / 6);
    for (let i = 0; i <= steps; i += 1) {
      const t = steps ? i / steps : 0;
      boxes.push([a[0] + t * (b[0] - a[0]) - 1.5, a[1] + t * (b[1] - a[1]) - 1.5, 3, 3]);
    }
  }
  // Labels of points where they cover nothing, ends of curves first; the rest are left out. With
  // `named` the last point of a curve has its name too.
  charts.pointLabels = function (view, frame, boxes, named) {
    const last = function (one) {
      const next = view.marks[view.marks.indexOf(one) + 1];
      return !next || next.s !== one.s;
    };
    const labelled = view.marks.filter(function (one) { return !one.series.thin; }).map(function (one) {
      const parts = [one.point.label, named && last(one) ? one.series.name : ""];
      return { mark: one, text: parts.filter(Boolean).join(" ") };
    }).filter(function (one) { return one.text; });
    if (!labelled.length) return;
    const rank = function (one) {
      if (last(one.mark)) return 0;
      return one.mark.i === 0 ? 1 : one.mark.point.label === "T=1" ? 2 : 3;
    };
    view.marks.forEach(function (one, i) {  // curves and intervals are in the way too
      const next = view.marks[i + 1], p = one.point;
      if (next && next.s === one.s && one.series.line !== "none") {
        along(boxes, [one.x, one.y], [next.x, next.y]);
      }
      if (known(p.x_low) && known(p.x_high)) {
        along(boxes, [frame.x(p.x_low), one.y], [frame.x(p.x_high), one.y]);
      }
      if (known(p.y_low) && known(p.y_high) && !(one.series.band || []).length) {
        along(boxes, [one.x, frame.y(p.y_low)], [one.x, frame.y(p.y_high)]);
      }
    });
    labelled.sort(function (a, b) { return rank(a) - rank(b); });
    const written = new Set();
    labelled.forEach(function (label) {
      const one = label.mark, again = [one.x.toFixed(), one.y.toFixed(), label.text].join();
      if (written.has(again)) return;  // of an equal run
      written.add(again);
      const text = charts.cut(label.text, 150);
      const w = charts.width(text);
      const more = one.series.marker === "star" ? 4 : 0;
      const spots = [[-w / 2, -20 - more], [-w / 2, 8 + more], [8 + more, -6], [-w - 8 - more, -6],
        [6, -18], [6, 6], [-w - 6, -18], [-w - 6, 6]];
      const free = spots.map(function (spot) {
        return [one.x + spot[0], one.y + spot[1], w, 12];
      }).find(function (box) {
        return box[0] > frame.x0 && box[0] + w < frame.x1 + 8 && box[1] > frame.y1 - 6 &&
          box[1] + 12 < frame.y0 && !overlaps(box, boxes);
      });
      if (!free) return;
      boxes.push(free);
      svg("text", { x: free[0], y: free[1] + 10, fill: "var(--ink)", "class": "chart-label",
        "data-series": charts.seriesKey(one.series) }, view.svg, text);
    });
  };
})();
