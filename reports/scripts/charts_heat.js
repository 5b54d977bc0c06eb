// Heat maps: rows against columns at a temperature and in an order that the reader chooses.
(function () {
  "use strict";
  const charts = sfr.charts, svg = charts.svg, known = charts.known;
  // cividis, which colour-blind readers see as others do; the same on light and dark pages.
  const RAMP = ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369",
    "e1cc55", "fee838"].map(function (hex) {
    return [0, 2, 4].map(function (i) { return parseInt(hex.slice(i, i + 2), 16); });
  });
  function colour(part) {
    const at = Math.max(0, Math.min(1, part)) * (RAMP.length - 1);
    const i = Math.min(RAMP.length - 2, Math.floor(at));
    return RAMP[i].map(function (one, c) { return Math.round(one + (at - i) * (RAMP[i + 1][c] - one)); });
  }
  function rgb(list) { return "rgb(" + list.join(",") + ")"; }
  function ink(list) {
    const light = list.map(function (one) {
      const c = one / 255;
      return c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.179 ? "#000" : "#fff";
  }
  // A cell has room for four or five characters; `range` is that of all cells.
  function short(value, range) {
    const most = Math.max(Math.abs(range[0]), Math.abs(range[1]));
    if (most && (most < 0.01 || most >= 1000)) return value.toExponential(0).replace("e+", "e");
    const text = value.toFixed(most < 10 ? 2 : most < 100 ? 1 : 0).replace(/^-(?=[0.]+$)/, "");
    return text.replace(/^(-?)0\./, "$1.");
  }

  charts.kinds.heat = function (view) {
    const chart = view.chart;
    const square = chart.rows.length === chart.columns.length &&
      chart.rows.every(function (one, i) { return one === chart.columns[i]; });
    let at = chart.shown || 0, common = false;
    let clustered = Boolean(square && chart.order && chart.order.length);
    if (chart.frames.length > 1) {
      const box = sfr.element("label", "control", "Temperature");
      const row = sfr.element("span", "chart-slider");
      const slider = sfr.element("input");
      const says = sfr.element("output", "", chart.frames[at].label);
      Object.assign(slider, { type: "range", min: 0, max: chart.frames.length - 1, value: at,
        autocomplete: "off" });
      slider.setAttribute("aria-valuetext", chart.frames[at].label);
      slider.addEventListener("input", function () {
        at = Number(slider.value);
        says.textContent = chart.frames[at].label;
        slider.setAttribute("aria-valuetext", chart.frames[at].label);
        charts.draw(view);
      });
      row.append(slider, says);
      box.append(row);
      view.controls.append(box);
      charts.choice(view.controls, "Colours", [["own", "of this temperature"],
        ["all", "the same at all temperatures"]], "own", function (value) {
        common = value === "all";
        charts.draw(view);
      });
    }
    if (clustered) {
      charts.choice(view.controls, "Order", [["like", "alike together"], ["suite", "as in the suite"]],
        "like", function (value) {
          clustered = value === "like";
          charts.draw(view);
        });
    }
    function order(length) {
      return clustered ? chart.order : Array.from({ length: length }, function (_, i) { return i; });
    }
    function ends() {
      const frames = common ? chart.frames : [chart.frames[at]];
      let low = Infinity, high = -Infinity;
      frames.forEach(function (frame) {
        frame.cells.forEach(function (row) {
          row.forEach(function (cell) {
            if (known(cell)) { low = Math.min(low, cell); high = Math.max(high, cell); }
          });
        });
      });
      return [low, high];
    }
    function replies(i, j, frame) {
      const own = (chart.row_replies || [])[i];
      if (!own || !Object.keys(own).length) return "";
      const filter = Object.assign({}, own);
      if (known(frame.temperature)) filter.temperature = frame.temperature;
      const other = i !== j && (chart.row_replies[j] || {}).persona;
      if (other) filter.beside = "persona:" + other;
      return charts.replies(view, filter);
    }
    function draw(width) {
      const frame = chart.frames[at], range = ends();
      const rows = order(chart.rows.length), columns = order(chart.columns.length);
      const room = Math.min(170, Math.max.apply(null, chart.rows.map(charts.width)), width * 0.32);
      const left = room + 8;
      // Names of columns are aslant: the first of them would reach out on the left.
      const cell = Math.min(46, (width - left - 8) / columns.length);
      const slant = Math.min(120, Math.max.apply(null, chart.columns.map(charts.width)));
      const below = cell < 9 ? 0 : slant * 0.72 + 12;
      const bottom = 6 + cell * rows.length;
      const cells = svg("g", {}, view.svg);
      rows.forEach(function (i, r) {
        columns.forEach(function (j, c) {
          const value = frame.cells[i][j];
          const x = left + c * cell, y = 6 + r * cell;
          const fill = known(value) ?
            colour(range[1] > range[0] ? (value - range[0]) / (range[1] - range[0]) : 0.5) : null;
          svg("rect", { x: x, y: y, width: cell, height: cell, fill: fill ? rgb(fill) : "var(--tint)",
            stroke: fill ? rgb(fill) : "var(--line)", "stroke-width": 0.5 }, cells);
          if (fill && cell >= 32) {
            svg("text", { x: x + cell / 2, y: y + cell / 2 + 4, "text-anchor": "middle",
              fill: ink(fill) }, cells, short(value, range));
          }
          const unit = chart.unit ? " " + chart.unit : "";
          view.marks.push({ x: x + cell / 2, y: y + cell / 2, w: cell, h: cell, r: r, c: c,
            title: i === j && square ? chart.rows[i] + ", among themselves" :
              chart.rows[i] + " and " + chart.columns[j], value: value,
            lines: [[known(value) ? charts.number(value) + unit : "undefined",
              known(value) ? String(value) : ""], [frame.label, ""]],
            href: replies(i, j, frame), names: [chart.rows[i], chart.columns[j]] });
        });
      });
      if (square) {
        rows.forEach(function (_, r) {
          svg("rect", { x: left + r * cell + 1, y: 7 + r * cell, width: Math.max(1, cell - 2),
            height: Math.max(1, cell - 2), fill: "none", stroke: "var(--ink)", "stroke-width": 1.5,
            "class": "chart-diagonal" }, view.svg);
        });
      }
      const step = Math.ceil(13 / cell);  // names that would overlap are left out
      rows.forEach(function (i, r) {
        if (r % step) return;
        svg("text", { x: left - 6, y: 10 + (r + 0.5) * cell, "text-anchor": "end",
          fill: "var(--ink)" }, view.svg, charts.cut(chart.rows[i], room));
      });
      if (below) {
        columns.forEach(function (j, c) {
          if (c % step) return;
          const x = left + (c + 0.5) * cell + 4, y = bottom + 12;
          // What would reach beyond the left edge is cut.
          const fits = Math.min(slant, (x - 4) / 0.72);
          svg("text", { x: x, y: y, "text-anchor": "end", fill: "var(--ink)",
            transform: "rotate(-45 " + x + " " + y + ")" }, view.svg,
          charts.cut(chart.columns[j], fits));
        });
      }
      view.used = left + Math.max(cell * columns.length, 220) + 12;
      return scale(left, bottom + below + 12, Math.min(220, width - left - 8), range);
    }
    function scale(x, y, width, range) {
      if (!(range[1] >= range[0])) return y;
      for (let i = 0; i < 40; i += 1) {
        svg("rect", { x: x + i * width / 40, y: y, width: width / 40 + 0.5, height: 10,
          fill: rgb(colour(i / 39)) }, view.svg);
      }
      [[range[0], x, "start"], [range[1], x + width, "end"]].forEach(function (end) {
        svg("text", { x: end[1], y: y + 24, "text-anchor": end[2], fill: "var(--ink)",
          "class": "chart-scale" }, view.svg, charts.number(end[0]));
      });
      return y + 32;
    }
    return {
      draw: draw,
      move: function (current, arrow) {
        const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0],
          Home: [0, -current.c], End: [0, chart.columns.length - 1 - current.c] }[arrow];
        return view.marks.find(function (one) {
          return one.r === current.r + step[0] && one.c === current.c + step[1];
        });
      },
      about: function () { return chart.frames[at].label; },
      table: function (compact) {
        if (!compact) {
          return { columns: ["row", "column", "value"], rows: view.marks.map(function (one) {
            return [one.names[0], one.names[1], { value: one.value }];
          }) };
        }
        const columns = order(chart.columns.length);
        return { columns: [""].concat(columns.map(function (j) { return chart.columns[j]; })),
          rows: order(chart.rows.length).map(function (i) {
            return [chart.rows[i]].concat(columns.map(function (j) {
              return { value: chart.frames[at].cells[i][j] };
            }));
          }) };
      }
    };
  };
})();
