// Series over two axes, and the plane on which the reader chooses both.
(function () {
  "use strict";
  const charts = sfr.charts, svg = charts.svg, known = charts.known;
  const LINE = charts.SIZE + 3;
  const NAMES = 620;  // pixels of width from which names stand at the ends of curves
  const MANY = 8;
  const CLOSEST = 1e-6;  // part of an axis that a zoom may show

  function key(series) { return series.group || series.name || ""; }
  charts.seriesKey = key;
  function entries(list) {
    const byKey = new Map();
    list.forEach(function (one) {
      if (!one.name) return;
      const first = byKey.get(key(one));
      if (!first || first.thin) {
        byKey.set(key(one), Object.assign({}, one, { key: key(one), name: key(one) }));
      }
    });
    return Array.from(byKey.values());
  }
  function polyline(parent, list, place, attributes) {
    svg("polyline", Object.assign({ fill: "none", points: list.map(function (one) {
      const at = place(one);
      return at[0].toFixed(1) + "," + at[1].toFixed(1);
    }).join(" ") }, attributes), parent);
  }

  charts.kinds.xy = function (view) {
    view.plot = view.chart;
    view.plot.series = view.plot.series || [];  // the JSON leaves out what is empty
    view.plot.series.forEach(function (one) { one.points = one.points || []; });
    view.entries = entries(view.plot.series);
    view.log = { x: view.plot.x.log, y: view.plot.y.log };
    let frame, x, y, shown;

    function canLog(axis) {
      const list = [].concat.apply([], view.plot.series.map(function (one) {
        return charts.values(one, axis);
      }));
      return list.length > 0 && list.every(function (one) { return one > 0; });
    }
    function visible() {
      return view.plot.series.filter(function (one) { return !view.hidden.has(key(one)); });
    }
    function domain(axis) {
      return view.zoom[axis] || whole(axis, axis === "y" && view.zoom.x);
    }
    // What an axis shows without a zoom of its own; with `inside` only of what has its x there, if
    // anything has.
    function whole(axis, inside) {
      if (view.plot[axis].shown && !inside && !view.log[axis]) return view.plot[axis].shown;
      const values = function (range) {
        return [].concat.apply([], shown.map(function (one) { return charts.values(one, axis, range); }));
      };
      const list = values(inside);
      return charts.extent(view.plot[axis], list.length ? list : values(), view.log[axis]);
    }
    // A zoom stays within what there is, and does not go on to where numbers have no more digits.
    function limited(axis, ends) {
      const f = view.log[axis] ? Math.log : Number, all = whole(axis);
      const low = Math.max(ends[0], all[0]), high = Math.min(ends[1], all[1]);
      if (low <= all[0] && high >= all[1]) return undefined;
      return f(high) - f(low) > CLOSEST * (f(all[1]) - f(all[0])) ? [low, high] : view.zoom[axis];
    }
    function draw(width) {
      shown = visible();
      ["x", "y"].forEach(function (axis) { view.log[axis] = view.log[axis] && canLog(axis); });
      const chart = view.plot;
      const height = Math.round(Math.max(230, Math.min(0.72 * width, 460)));
      const ends = { x: domain("x"), y: domain("y") };
      const labels = { y: charts.wrap(charts.axisLabel(chart.y, view.chart.title),
          width - (view.corner ? 90 : 16), 2),
        x: charts.wrap(charts.axisLabel(chart.x, ""), width - 60, 2) };
      const ticks = { y: charts.ticksOf(view, "y", shown, ends.y, height / 50) };
      const curves = shown.filter(function (one) {
        return one.name && one.points.length && !one.thin && (one.line !== "none" || one.level);
      });
      const named = width >= NAMES && curves.length > 1 && curves.length <= MANY;
      const names = named && !view.corner ? 20 + Math.max.apply(null, curves.map(function (one) {
        return Math.min(150, charts.width(one.name));
      })) : 12;
      frame = { x0: 12 + Math.max.apply(null, [20].concat(ticks.y.map(function (one) {
        return charts.width(one[1]);
      }))), x1: width - names, y0: height - 24 - LINE * labels.x.filter(Boolean).length,
      y1: 8 + LINE * labels.y.filter(Boolean).length };
      const across = chart.x.reversed ? [frame.x1, frame.x0] : [frame.x0, frame.x1];
      const up = chart.y.reversed ? [frame.y1, frame.y0] : [frame.y0, frame.y1];
      x = frame.x = charts.scale(ends.x, across, view.log.x);
      y = frame.y = charts.scale(ends.y, up, view.log.y);
      ticks.x = charts.ticksOf(view, "x", shown, ends.x, (frame.x1 - frame.x0) / 55);
      charts.axes(view, frame, ticks, labels);
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
      const boxes = view.marks.map(function (one) {
        const r = one.series.marker === "star" ? 8 : 5;
        return [one.x - r, one.y - r, 2 * r, 2 * r];
      });
      if (named && !view.corner) charts.endNames(view, frame, curves, boxes);
      charts.pointLabels(view, frame, boxes, named && view.corner);
      return height;
    }
    function shade(layer, one) {
      const fill = { fill: charts.colour(one), "stroke": "none",
        "fill-opacity": shown.length > 12 ? 0.05 : shown.length > 4 ? 0.12 : 0.18 };
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
      const style = { stroke: charts.colour(one), "stroke-width": one.thin ? 1 : 2,
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
      const cloud = one.small ? svg("g", { opacity: 0.55 }, layer) : null;
      if (one.line !== "none") {
        // Where a curve turns back it is dashed.
        const turn = known(one.dashed_from) ? one.dashed_from : one.points.length - 1;
        polyline(layer, one.points.slice(0, turn + 1), place, style);
        if (turn < one.points.length - 1) {
          polyline(layer, one.points.slice(turn), place,
            Object.assign({}, style, { "stroke-dasharray": "3 4" }));
        }
      }
      one.points.forEach(function (p, i) {
        const at = place(p);
        const bar = { stroke: charts.colour(one), "stroke-width": 1.2, opacity: 0.75 };
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
          charts.mark(one.small ? cloud : layer, at[0], at[1], one, p.hollow,
            one.small || one.thin ? 2 : 3.5);
        }
        mark(one, p, s, i, at[0], at[1]);
      });
    }
    function mark(one, p, s, i, px, py) {
      const chart = view.plot;
      const name = function (axis) {
        return charts.axisName(chart[axis], axis === "y" ? view.chart.title : "x");
      };
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
        point: p, title: one.name || one.group || view.chart.title, lines: lines, href: charts.replies(view, p.replies) });
    }
    function at(series, place) {
      return !series.level && series.points.find(function (p) {
        return Math.abs(p.x - place) < 1e-9 * Math.max(1, Math.abs(place));
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
        const there = x(place);
        svg("line", { x1: there, x2: there, y1: frame.y0, y2: frame.y1, stroke: "var(--quiet)",
          "stroke-dasharray": "3 3", "class": "chart-cursor" }, view.over);
        if (own) return;
        let last = -Infinity;
        const texts = view.marks.filter(function (one) {
          return known(one.place) && Math.abs(one.x - there) < 0.5;
        }).sort(function (a, b) { return a.y - b.y; });
        if (texts.length > MANY) return;
        texts.forEach(function (one) {
          svg("circle", { cx: one.x, cy: one.y, r: 6, fill: "none", stroke: "var(--ink)" }, view.over);
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
        const ends = function (axis, pair) {
          return limited(axis, pair.map(frame[axis].invert).sort(function (a, b) { return a - b; }));
        };
        return { x: px[0], y: py[0], w: px[1] - px[0], h: py[1] - py[0],
          zoom: { x: onX && xs[1] - xs[0] > 2 ? ends("x", xs) : view.zoom.x,
            y: onY && ys[1] - ys[0] > 2 ? ends("y", ys) : view.zoom.y } };
      },
      nearer: function (factor) {
        const middle = view.current || { x: (frame.x0 + frame.x1) / 2, y: (frame.y0 + frame.y1) / 2 };
        const ends = function (axis, from, to) {
          return limited(axis, [from, to].map(function (one) {
            return frame[axis].invert(middle[axis] + (one - middle[axis]) * factor);
          }).sort(function (a, b) { return a - b; }));
        };
        view.zoom = { x: ends("x", frame.x0, frame.x1), y: ends("y", frame.y0, frame.y1) };
      },
      // The values that are now in the picture.
      table: function () {
        const chart = view.plot;
        const name = function (axis) { return chart[axis].metric || charts.axisName(chart[axis], axis); };
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
