// Series over two axes, and the plane on which the reader chooses both.
(function () {
  "use strict";
  const charts = sfr.charts, svg = charts.svg, known = charts.known;
  const LINE = charts.SIZE + 3;
  const NAMES = 620;  // pixels of width from which names stand at the ends of curves
  const MANY = 8;

  function key(series) { return series.group || series.name; }
  function entries(list) {
    const byKey = new Map();
    list.forEach(function (one) {
      const first = byKey.get(key(one));
      if (!first || first.thin) {
        byKey.set(key(one), { key: key(one), name: key(one), number: one.number, line: one.line,
          marker: one.marker, thin: one.thin });
      }
    });
    return Array.from(byKey.values());
  }
  // All that is drawn of a series along one axis, "x" or "y"; with `inside`, only where x is there.
  function values(series, axis, inside) {
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
  }
  function extent(axis, list, log) {
    const possible = axis.possible || [null, null];
    if (!list.length) return [possible[0] || 0, known(possible[1]) ? possible[1] : 1];
    let low = Infinity, high = -Infinity;
    list.forEach(function (one) { low = Math.min(low, one); high = Math.max(high, one); });
    if (log) return low === high ? [low / 2, high * 2] : [low / 1.08, high * 1.08];
    const size = Math.max(Math.abs(low), Math.abs(high), 0.5);
    // A tight axis would show a jump where numbers are all but the same.
    const room = high - low < 0.02 * size ? 0.1 * size : 0.06 * (high - low);
    const least = known(possible[0]) ? possible[0] : -Infinity;
    const most = known(possible[1]) ? possible[1] : Infinity;
    return [Math.max(least, low - room), Math.min(most, high + room)];
  }
  function label(axis, title) {
    const better = /better/.test(axis.label) ? "" : charts.better(axis.direction);
    if (!axis.label || axis.label === title) return better;
    return axis.label + (better ? " (" + better + ")" : "");
  }
  function polyline(parent, list, place, attributes) {
    svg("polyline", Object.assign({ fill: "none", points: list.map(function (one) {
      const at = place(one);
      return at[0].toFixed(1) + "," + at[1].toFixed(1);
    }).join(" ") }, attributes), parent);
  }

  charts.kinds.xy = function (view) {
    view.plot = view.chart;
    view.entries = entries(view.plot.series);
    view.log = { x: view.plot.x.log, y: view.plot.y.log };
    let frame, x, y, shown;

    function canLog(axis) {
      const list = [].concat.apply([], view.plot.series.map(function (one) {
        return values(one, axis);
      }));
      return list.length > 0 && list.every(function (one) { return one > 0; });
    }
    function visible() {
      return view.plot.series.filter(function (one) { return !view.hidden.has(key(one)); });
    }
    function domain(axis) {
      if (view.zoom[axis]) return view.zoom[axis];
      const list = [].concat.apply([], shown.map(function (one) {
        return values(one, axis, axis === "y" && view.zoom.x);
      }));
      return extent(view.plot[axis], list, view.log[axis]);
    }
    function ticksOf(axis, ends, count) {
      const own = view.plot[axis].ticks;
      if (!own || !own.length) return charts.ticks(ends[0], ends[1], count, view.log[axis]);
      return own.filter(function (one) { return one[0] >= ends[0] && one[0] <= ends[1]; });
    }
    function draw(width) {
      shown = visible();
      ["x", "y"].forEach(function (axis) { view.log[axis] = view.log[axis] && canLog(axis); });
      const chart = view.plot;
      const height = Math.round(Math.max(230, Math.min(0.72 * width, 460)));
      const ends = { x: domain("x"), y: domain("y") };
      const yTicks = ticksOf("y", ends.y, height / 50);
      const yLabel = charts.wrap(label(chart.y, view.chart.title), width - 16, 2);
      const xLabel = charts.wrap(label(chart.x), width - 60, 2);
      const curves = shown.filter(function (one) {
        return one.points.length && !one.thin && (one.line !== "none" || one.level);
      });
      const named = width >= NAMES && curves.length > 1 && curves.length <= MANY;
      const names = named ? Math.max.apply(null, curves.map(function (one) {
        return Math.min(150, charts.width(one.name));
      })) + 20 : 12;
      frame = { x0: 12 + Math.max.apply(null, [20].concat(yTicks.map(function (one) {
        return charts.width(one[1]);
      }))), x1: width - names, y0: height - 24 - LINE * xLabel.length,
      y1: 8 + LINE * yLabel.filter(Boolean).length };
      const across = chart.x.reversed ? [frame.x1, frame.x0] : [frame.x0, frame.x1];
      const up = chart.y.reversed ? [frame.y1, frame.y0] : [frame.y0, frame.y1];
      x = charts.scale(ends.x, across, view.log.x);
      y = charts.scale(ends.y, up, view.log.y);
      axes(ends, yTicks, xLabel, yLabel);
      const id = "chart-clip-" + view.number;
      const clip = svg("clipPath", { id: id }, view.svg);
      svg("rect", { x: frame.x0 - 7, y: frame.y1 - 7, width: frame.x1 - frame.x0 + 14,
        height: frame.y0 - frame.y1 + 14 }, clip);
      const body = svg("g", { "clip-path": "url(#" + id + ")" }, view.svg);
      const layers = shown.map(function (one) {
        return svg("g", { "data-series": key(one) }, body);
      });
      shown.forEach(function (one, i) { shade(layers[i], one); });
      shown.forEach(function (one, i) {
        line(svg("g", { "data-series": key(one) }, body), one, i);
      });
      const boxes = view.marks.map(function (one) { return [one.x - 5, one.y - 5, 10, 10]; });
      if (named) endNames(curves, boxes);
      pointLabels(boxes);
      return height;
    }
    function axes(ends, yTicks, xLabel, yLabel) {
      const back = svg("g", { fill: "var(--quiet)" }, view.svg);
      let last = -Infinity;
      ticksOf("x", ends.x, (frame.x1 - frame.x0) / 55).forEach(function (one) {
        const at = x(one[0]);
        svg("line", { x1: at, x2: at, y1: frame.y0, y2: frame.y1, stroke: "var(--grid)" }, back);
        const half = charts.width(one[1]) / 2;
        if (at - half < last + 4) return;
        last = at + half;
        svg("text", { x: at, y: frame.y0 + 16, "text-anchor": "middle" }, back, one[1]);
      });
      yTicks.forEach(function (one) {
        const at = y(one[0]);
        svg("line", { x1: frame.x0, x2: frame.x1, y1: at, y2: at, stroke: "var(--grid)" }, back);
        svg("text", { x: frame.x0 - 6, y: at + 4, "text-anchor": "end" }, back, one[1]);
      });
      svg("polyline", { points: [frame.x0, frame.y1, frame.x0, frame.y0, frame.x1, frame.y0].join(" "),
        fill: "none", stroke: "var(--quiet)" }, back);
      xLabel.forEach(function (text, i) {
        svg("text", { x: (frame.x0 + frame.x1) / 2, y: frame.y0 + 18 + LINE * (i + 1),
          "text-anchor": "middle", fill: "var(--ink)" }, back, text);
      });
      yLabel.forEach(function (text, i) {
        svg("text", { x: 2, y: LINE * (i + 1) - 3, fill: "var(--ink)" }, back, text);
      });
      const toX = view.plot.x.direction, toY = view.plot.y.direction;
      if (view.corner && toX && toY) {
        const right = (toX === "higher") !== Boolean(view.plot.x.reversed);
        const top = (toY === "higher") !== Boolean(view.plot.y.reversed);
        const arrow = top ? (right ? "\u2197" : "\u2196") : (right ? "\u2198" : "\u2199");
        svg("text", { x: right ? frame.x1 - 6 : frame.x0 + 8, y: top ? frame.y1 + 14 : frame.y0 - 8,
          "text-anchor": right ? "end" : "start", fill: "var(--good)", "font-weight": 600,
          "class": "chart-better" }, back, right ? "better " + arrow : arrow + " better");
      }
    }
    function shade(layer, one) {
      const fill = { fill: charts.colour(one.number), "stroke": "none",
        "fill-opacity": shown.length > 4 ? 0.12 : 0.18 };
      const polygon = function (list) {
        polyline(layer, list, function (p) { return [x(p[0]), y(p[1])]; }, fill);
      };
      const band = one.band || [];
      if (band.length > 1) {
        const turn = one.band_along === "y";
        const side = function (b, i) { return turn ? [b[i], b[0]] : [b[0], b[i]]; };
        polygon(band.map(function (b) { return side(b, 1); }).concat(
          band.slice().reverse().map(function (b) { return side(b, 2); })));
      }
      (one.area || []).forEach(polygon);
      const p = one.points[0];
      if (one.level && p && known(p.y_low) && known(p.y_high)) {
        svg("rect", Object.assign({ x: frame.x0, y: Math.min(y(p.y_low), y(p.y_high)),
          width: frame.x1 - frame.x0, height: Math.abs(y(p.y_low) - y(p.y_high)) }, fill), layer);
      }
    }
    function inside(at, which) {
      const ends = which === "x" ? [frame.x0, frame.x1] : [frame.y1, frame.y0];
      return at >= ends[0] - 1 && at <= ends[1] + 1;
    }
    function line(layer, one, s) {
      const style = { stroke: charts.colour(one.number), "stroke-width": one.thin ? 1 : 2,
        "stroke-dasharray": charts.dash(one.number, one.line), opacity: one.thin ? 0.6 : undefined };
      if (one.level) {
        const p = one.points[0];
        if (!p || !inside(y(p.y), "y")) return;
        svg("line", Object.assign(style, { x1: frame.x0, x2: frame.x1, y1: y(p.y), y2: y(p.y) }),
          layer);
        mark(one, p, s, 0, frame.x1 - 12, y(p.y));
        return;
      }
      const place = function (p) { return [x(p.x), y(p.y)]; };
      if (one.line !== "none") polyline(layer, one.points, place, style);
      one.points.forEach(function (p, i) {
        const at = place(p);
        const bar = { stroke: charts.colour(one.number), "stroke-width": 1.2, opacity: 0.75 };
        if (!(one.band || []).length && known(p.y_low) && known(p.y_high)) {
          svg("line", Object.assign({ x1: at[0], x2: at[0], y1: y(p.y_low), y2: y(p.y_high) }, bar),
            layer);
        }
        if (known(p.x_low) && known(p.x_high)) {
          svg("line", Object.assign({ x1: x(p.x_low), x2: x(p.x_high), y1: at[1], y2: at[1] }, bar),
            layer);
        }
        if (!inside(at[0], "x") || !inside(at[1], "y")) return;
        if (one.marker !== "none") {
          charts.mark(layer, at[0], at[1], one, p.hollow, one.thin ? 2 : 3.5);
        }
        mark(one, p, s, i, at[0], at[1]);
      });
    }
    function mark(one, p, s, i, px, py) {
      const chart = view.plot;
      const name = function (axis) { return chart[axis].label || (axis === "y" ? view.chart.title : "x"); };
      const valueOf = function (axis) {
        const ends = [p[axis], p[axis + "_low"], p[axis + "_high"]];
        const text = ends.every(known) ? charts.interval.apply(null, ends) : axis === "x" ?
          String(Number(p.x.toPrecision(4))) : charts.number(p.y);
        return [name(axis) + ": " + text, name(axis) + ": " + charts.full.apply(null, ends)];
      };
      const lines = [valueOf("y")];
      if (!one.level) lines.push(valueOf("x"));
      lines.push([p.label || "", ""], [p.about || "", ""]);
      if (view.chart.cursor && !one.level && shown.length > 1 && shown.length <= MANY) {
        shown.forEach(function (other) {
          const same = other !== one && at(other, p.x);
          if (same) lines.push([other.name + ": " + charts.number(same.y),
            charts.full(same.y, same.y_low, same.y_high)]);
        });
      }
      view.marks.push({ x: px, y: py, s: s, i: i, place: one.level ? undefined : p.x, series: one,
        point: p, title: one.name, lines: lines, href: charts.replies(view, p.replies) });
    }
    function at(series, place) {
      return !series.level && series.points.find(function (p) {
        return Math.abs(p.x - place) < 1e-9 * Math.max(1, Math.abs(place));
      });
    }
    function overlaps(a, list) {
      return list.some(function (b) {
        return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
      });
    }
    // Names at the right ends of curves, pushed apart.
    function endNames(curves, boxes) {
      const list = curves.map(function (one) {
        const p = one.level ? { x: 0, y: one.points[0].y } :
          one.points.reduce(function (a, b) { return x(b.x) > x(a.x) ? b : a; });
        return { one: one, from: one.level ? frame.x1 : x(p.x), y: y(p.y) };
      }).filter(function (one) { return inside(one.y, "y"); });
      list.sort(function (a, b) { return a.y - b.y; });
      list.forEach(function (one, i) {
        one.at = Math.max(one.y, i ? list[i - 1].at + LINE : frame.y1);
      });
      for (let i = list.length - 1, limit = frame.y0; i >= 0; i -= 1, limit = list[i + 1].at - LINE) {
        list[i].at = Math.min(list[i].at, limit);
      }
      list.forEach(function (one) {
        svg("line", { x1: one.from + 6, y1: one.y, x2: frame.x1 + 5, y2: one.at,
          stroke: charts.colour(one.one.number), "stroke-width": 0.8, opacity: 0.6 }, view.svg);
        svg("text", { x: frame.x1 + 8, y: one.at + 4, fill: "var(--ink)", "class": "chart-name",
          "data-series": key(one.one) }, view.svg, charts.cut(one.one.name, 150));
        boxes.push([frame.x1 + 6, one.at - 8, 150, 16]);
      });
    }
    // Labels of points where they cover nothing, ends of curves first; the rest are left out.
    function pointLabels(boxes) {
      const labelled = view.marks.filter(function (one) { return one.point.label; });
      const rank = function (one) {
        return one.i === 0 || one.i === one.series.points.length - 1 ? 0 : one.point.label === "T=1" ? 1 : 2;
      };
      view.marks.forEach(function (one, i) {  // curves are in the way too
        const next = view.marks[i + 1];
        if (!next || next.s !== one.s || one.series.line === "none") return;
        for (let t = 0.1; t < 1; t += 0.1) {
          boxes.push([one.x + t * (next.x - one.x) - 2, one.y + t * (next.y - one.y) - 2, 4, 4]);
        }
      });
      labelled.sort(function (a, b) { return rank(a) - rank(b); });
      labelled.forEach(function (one) {
        const w = charts.width(one.point.label);
        const spots = [[-w / 2, -20], [-w / 2, 8], [8, -6], [-w - 8, -6], [6, -18], [6, 6],
          [-w - 6, -18], [-w - 6, 6]];
        const free = spots.map(function (spot) {
          return [one.x + spot[0], one.y + spot[1], w, 12];
        }).find(function (box) {
          return box[0] > frame.x0 && box[0] + w < frame.x1 && box[1] > frame.y1 - 6 &&
            box[1] + 12 < frame.y0 && !overlaps(box, boxes);
        });
        if (!free) return;
        boxes.push(free);
        svg("text", { x: free[0], y: free[1] + 10, fill: "var(--quiet)", "class": "chart-label",
          "data-series": key(one.series) }, view.svg, one.point.label);
      });
    }
    return {
      draw: draw,
      canLog: canLog,
      move: function (current, arrow) {
        const own = view.marks.filter(function (one) { return one.s === current.s; });
        const i = own.indexOf(current);
        if (arrow === "ArrowRight" || arrow === "ArrowLeft") {
          return own[i + ((arrow === "ArrowRight") === !view.plot.x.reversed ? 1 : -1)];
        }
        if (arrow === "Home") return own[0];
        if (arrow === "End") return own[own.length - 1];
        const numbers = Array.from(new Set(view.marks.map(function (one) { return one.s; })));
        const turn = numbers.length + (arrow === "ArrowDown" ? 1 : -1);
        const s = numbers[(numbers.indexOf(current.s) + turn) % numbers.length];
        return view.marks.filter(function (one) { return one.s === s; }).reduce(function (a, b) {
          return Math.abs(b.x - current.x) < Math.abs(a.x - current.x) ? b : a;
        });
      },
      // The shared cursor: a line at this place, and in other charts the values there.
      cross: function (place, own) {
        if (!known(place) || !inside(x(place), "x")) return;
        const at_ = x(place);
        svg("line", { x1: at_, x2: at_, y1: frame.y0, y2: frame.y1, stroke: "var(--quiet)",
          "stroke-dasharray": "3 3", "class": "chart-cursor" }, view.over);
        if (own) return;
        let last = -Infinity;
        const texts = view.marks.filter(function (one) {
          return known(one.place) && Math.abs(one.x - at_) < 0.5;
        }).sort(function (a, b) { return a.y - b.y; });
        texts.forEach(function (one) {
          svg("circle", { cx: one.x, cy: one.y, r: 6, fill: "none", stroke: "var(--ink)" }, view.over);
          if (texts.length > MANY) return;
          last = Math.max(one.y + 4, last + LINE);
          const right = one.x + 60 < frame.x1;
          svg("text", { x: one.x + (right ? 10 : -10), y: last, "text-anchor": right ? "start" : "end",
            fill: "var(--ink)", stroke: "var(--card)", "stroke-width": 4, "paint-order": "stroke",
            "class": "chart-reading" }, view.over, charts.number(one.point.y));
        });
      },
      zoom: function (start, end) {
        const wide = Math.abs(end[0] - start[0]), tall = Math.abs(end[1] - start[1]);
        const onX = wide > tall / 4, onY = tall > wide / 4;
        const clamp = function (value, low, high) { return Math.max(low, Math.min(high, value)); };
        const xs = [start[0], end[0]].map(function (one) {
          return clamp(one, frame.x0, frame.x1); }).sort(function (a, b) { return a - b; });
        const ys = [start[1], end[1]].map(function (one) {
          return clamp(one, frame.y1, frame.y0); }).sort(function (a, b) { return a - b; });
        const px = onX ? xs : [frame.x0, frame.x1], py = onY ? ys : [frame.y1, frame.y0];
        const ends = function (place, pair) {
          return pair.map(place.invert).sort(function (a, b) { return a - b; });
        };
        return { x: px[0], y: py[0], w: px[1] - px[0], h: py[1] - py[0],
          zoom: { x: onX && xs[1] - xs[0] > 2 ? ends(x, xs) : view.zoom.x,
            y: onY && ys[1] - ys[0] > 2 ? ends(y, ys) : view.zoom.y } };
      },
      nearer: function (factor) {
        const middle = view.current || { x: (frame.x0 + frame.x1) / 2, y: (frame.y0 + frame.y1) / 2 };
        const ends = function (place, from, to, centre) {
          return [from, to].map(function (one) {
            return place.invert(centre + (one - centre) * factor);
          }).sort(function (a, b) { return a - b; });
        };
        view.zoom = { x: ends(x, frame.x0, frame.x1, middle.x),
          y: ends(y, frame.y0, frame.y1, middle.y) };
      },
      // The values that are now in the picture.
      table: function () {
        const chart = view.plot;
        const name = function (axis) { return chart[axis].metric || chart[axis].label || axis; };
        const of = function (p, axis) {
          return { value: p[axis], low: p[axis + "_low"], high: p[axis + "_high"] };
        };
        const points = view.marks;
        const has = function (field) { return points.some(function (m) { return m.point[field]; }); };
        const columns = ["series", name("x"), name("y")].concat(
          has("label") ? ["label"] : [], has("about") ? ["about"] : []);
        return { columns: columns, rows: points.map(function (m) {
          return [m.title, m.series.level ? "" : of(m.point, "x"), of(m.point, "y")].concat(
            has("label") ? [m.point.label || ""] : [], has("about") ? [m.point.about || ""] : []);
        }) };
      }
    };
  };
})();
