// Forest plots: differences to a base with their intervals, a row for each metric.
(function () {
  "use strict";
  const charts = sfr.charts, svg = charts.svg, known = charts.known;
  const LINE = 16;
  const TONES = { up: "var(--good)", down: "var(--bad)" };

  charts.kinds.forest = function (view) {
    const chart = view.chart;
    const numbers = new Map();
    chart.rows.forEach(function (row) { row.marks = row.marks || []; });
    chart.rows.forEach(function (row) {
      row.marks.forEach(function (one) { numbers.set(one.series, one); });
    });
    view.entries = Array.from(numbers, function (one) {
      return { key: one[0], name: one[0], number: one[1].number, marker: one[1].marker,
        line: one[1].marker === "star" ? "none" : "solid" };
    });
    // Where a value is drawn, on an axis that all rows share.
    function part(row, value) { return (value - (row.start || 0)) / (row.scale || 1); }
    let bySize = false;
    if (chart.rows.length > 2 && (chart.base || chart.axis)) {  // else rows have nothing in common
      charts.choice(view.controls, "Order", [["report", "as in the report"],
        ["size", chart.base ? "largest difference first" : "largest first"]], "report", function (value) {
        bySize = value === "size";
        charts.draw(view);
      });
    }
    function visible(row) {
      return row.marks.filter(function (one) { return !view.hidden.has(one.series); });
    }
    function size(row) {
      return Math.max.apply(null, [-1].concat(visible(row).filter(function (one) {
        return known(one.value);
      }).map(function (one) { return Math.abs(part(row, one.value)); })));
    }
    function parts() {
      const list = new Map();
      chart.rows.forEach(function (row) {
        if (!list.has(row.part)) list.set(row.part, []);
        list.get(row.part).push(row);
      });
      if (bySize) {
        list.forEach(function (rows) { rows.sort(function (a, b) { return size(b) - size(a); }); });
      }
      return list;
    }
    function span() {
      const ends = [0];
      chart.rows.forEach(function (row) {
        visible(row).forEach(function (one) {
          [one.value, one.low, one.high].filter(known).forEach(function (value) {
            ends.push(part(row, value));
          });
        });
        (row.band || []).forEach(function (value) { ends.push(part(row, value)); });
      });
      const low = Math.min.apply(null, ends), high = Math.max.apply(null, ends);
      const room = 0.06 * (high - low || 1);
      return [low < 0 || chart.base ? low - room : 0, high + room];
    }
    function draw(width) {
      const phone = width < 600;
      const labels = phone ? 8 : Math.min(0.34 * width, 24 + Math.max.apply(null, chart.rows.map(
        function (row) { return charts.width(name(row)); })));
      const words = phone ? 8 : Math.min(0.4 * width, 24 + Math.max.apply(null, [40].concat(
        [].concat.apply([], chart.rows.map(function (row) {
          return row.marks.map(function (one) { return charts.width(reading(one)); });
        })))));
      const place = charts.scale(span(), [labels + 8, width - words - 8], false);
      const back = svg("g", {}, view.svg);
      let y = 4, r = 0;
      parts().forEach(function (rows, heading) {
        if (heading) {
          y += 18;
          svg("text", { x: 2, y: y, "font-weight": 600, fill: "var(--ink)", "class": "chart-part" },
            view.svg, heading);
          y += 8;
        }
        rows.forEach(function (row) {
          const marks = visible(row);
          if (phone) y += 18;
          const height = Math.max(1, marks.length) * (phone ? 2 * LINE : LINE) + 6;
          svg("text", { x: phone ? 2 : labels - 4, y: phone ? y - 2 : y + LINE - 2,
            "text-anchor": phone ? "start" : "end", fill: "var(--ink)", "class": "chart-row" },
          view.svg, charts.cut(name(row), phone ? width - 8 : labels - 6));
          if (row.band) {
            const a = place(part(row, row.band[0])), b = place(part(row, row.band[1]));
            svg("rect", { x: a, y: y - 1, width: b - a, height: height - 4, fill: "var(--quiet)",
              "fill-opacity": 0.25, "class": "chart-band" }, back);
          }
          marks.forEach(function (one, m) {
            bar(row, one, y + LINE / 2 + m * (phone ? 2 * LINE : LINE), r, m, place,
              phone ? 8 : width - words + 4, phone, width);
          });
          y += height;
          svg("line", { x1: 0, x2: width, y1: y - 1, y2: y - 1, stroke: "var(--grid)" }, back);
          r += 1;
        });
      });
      svg("line", { x1: place(0), x2: place(0), y1: 4, y2: y, stroke: "var(--quiet)",
        "class": "chart-zero" }, back);
      return foot(back, place, y, width);
    }
    // What the axis says: where there is no difference, or ticks, if all rows share their unit.
    function foot(back, place, y, width) {
      const write = function (x, text, down) {
        text = charts.cut(text, width - 8);
        const half = charts.width(text) / 2 + 4;
        svg("text", { x: Math.max(half, Math.min(width - half, x)), y: y + down,
          "text-anchor": "middle", fill: "var(--quiet)" }, view.svg, text);
      };
      const first = chart.rows[0];
      const shared = chart.axis && chart.rows.every(function (row) {
        return (row.scale || 1) === (first.scale || 1) && (row.start || 0) === (first.start || 0);
      });
      const ends = span(), scale = first.scale || 1, start = first.start || 0;
      let bottom = y;
      if (shared) {
        charts.ticks(start + ends[0] * scale, start + ends[1] * scale, 5).forEach(function (one) {
          const x = place(part(first, one[0]));
          svg("line", { x1: x, x2: x, y1: 4, y2: y, stroke: "var(--grid)" }, back);
          write(x, one[1], 16);
        });
        bottom += 16;
        y = bottom;
      }
      const middle = (place(ends[0]) + place(ends[1])) / 2;
      const zero = chart.base ? "no difference to " + chart.base : "";
      const lines = shared ? [chart.axis + (zero ? "; 0: " + zero : "")] : [zero || chart.axis];
      if (chart.band) lines.push("shaded: " + chart.band);
      lines.filter(Boolean).forEach(function (line, i) {
        write(shared || i || !zero ? middle : place(0), line, 16 * (i + 1));
        bottom += 16;
      });
      return bottom + 8;
    }
    function name(row) {
      const arrow = { higher: " \u2191", lower: " \u2193" }[row.direction] || "";
      return row.label + arrow;
    }
    function signed(one) {
      return (chart.base && one.value > 0 ? "+" : "") + charts.interval(one.value, one.low, one.high);
    }
    function reading(one) {
      return known(one.value) ? signed(one) + (one.words ? "  " + one.words : "") :
        one.words || "undefined";
    }
    function bar(row, one, y, r, m, place, right, phone, width) {
      const group = svg("g", { "data-series": one.series }, view.svg);
      const style = { stroke: charts.colour(one), "stroke-width": 2 };
      let x = place(0);
      if (known(one.value)) {
        x = place(part(row, one.value));
        if (known(one.low) && known(one.high)) {
          const a = place(part(row, one.low)), b = place(part(row, one.high));
          svg("path", Object.assign({ fill: "none",
            d: "M" + a + " " + y + "H" + b + "M" + a + " " + (y - 4) + "v8M" + b + " " + (y - 4) + "v8" },
          style), group);
        }
        charts.mark(group, x, y, one, false, 4);
      }
      svg("text", { x: right, y: y + (phone ? LINE + 2 : 4), "class": "chart-words",
        fill: TONES[one.tone] || "var(--ink)" }, group,
      charts.cut(reading(one), phone ? width - 16 : width - right - 2));
      const direction = row.direction ? row.direction + " is better" : "";
      view.marks.push({ x: x, y: y, r: r, m: m, title: row.label, series: { number: one.number,
        marker: one.marker, line: one.marker === "star" ? "none" : "solid" }, lines: [[one.series + ": " + (known(one.value) ? signed(one) : "undefined"),
        known(one.value) ? charts.full(one.value, one.low, one.high) : ""], [one.words || "", ""],
      [direction, ""]], href: charts.replies(view, one.replies), row: row, one: one });
    }
    return {
      draw: draw,
      move: function (current, arrow) {
        const i = view.marks.indexOf(current), last = view.marks.length - 1;
        if (arrow === "Home" || arrow === "End") return view.marks[arrow === "Home" ? 0 : last];
        return view.marks[i + (arrow === "ArrowDown" || arrow === "ArrowRight" ? 1 : -1)];
      },
      table: function () {
        return { columns: ["part", "metric", "run", chart.base ? "difference to " + chart.base : "value", "words"],
          rows: view.marks.map(function (mark) {
            const one = mark.one;
            return [mark.row.part, mark.row.label, one.series,
              { value: one.value, low: one.low, high: one.high }, one.words || ""];
          }) };
      }
    };
  };
})();
