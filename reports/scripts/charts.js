// Charts: what all kinds share. A figure's static drawing is replaced by an interactive one, drawn
// from the JSON beside it (sfr_eval/report/charts/chart.py) by `sfr.charts.kinds[kind]`.
(function () {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const SIZE = 12;  // of text, in pixels
  const element = sfr.element;
  const charts = sfr.charts = { kinds: {}, SIZE: SIZE };
  const views = [];

  charts.svg = function (name, attributes, parent, text) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) {
      if (attributes[key] !== undefined) node.setAttribute(key, attributes[key]);
    }
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const svg = charts.svg;
  let canvas;
  charts.width = function (text) {
    canvas = canvas || document.createElement("canvas").getContext("2d");
    canvas.font = SIZE + "px " + getComputedStyle(document.body).fontFamily;
    return canvas.measureText(text).width;
  };
  // Lines of words that fit; a word that is too long is cut.
  charts.wrap = function (text, room, most) {
    const lines = [""];
    text.split(" ").forEach(function (word) {
      const last = lines[lines.length - 1];
      const longer = last ? last + " " + word : word;
      if (!last || charts.width(longer) <= room) lines[lines.length - 1] = longer;
      else lines.push(word);
    });
    if (lines.length > most) lines.splice(most - 1, lines.length, lines.slice(most - 1).join(" "));
    return lines.map(function (line) { return charts.cut(line, room); });
  };
  charts.cut = function (text, room) {
    if (charts.width(text) <= room) return text;
    let end = text.length;
    while (end > 1 && charts.width(text.slice(0, end) + "\u2026") > room) end -= 1;
    return text.slice(0, end).trim() + "\u2026";
  };

  // Numbers are rounded as in sfr_eval/report/numbers.py: by the width of the interval.
  function digits(step) {
    for (let d = 0; d < 9; d += 1) if (step >= 2 * Math.pow(10, -d)) return d;
    return step ? 9 : 0;
  }
  function fixed(value, places) {
    const text = value.toFixed(places);
    return Number(text) === 0 ? text.replace("-", "") : text;
  }
  function places(value, half) {
    if (!(half > 1e-12 * Math.max(1, Math.abs(value)))) return digits(Math.abs(value) / 10);
    const slack = Math.max(0.05 * Math.abs(value), 0.005 * half);
    let d = digits(half);
    while (d < 9 && Math.abs(Number(value.toFixed(d)) - value) > slack) d += 1;
    return d;
  }
  function known(value) { return value !== undefined && value !== null; }
  charts.known = known;
  charts.number = function (value) {
    return known(value) ? fixed(value, places(value, 0)) : "undefined";
  };
  charts.interval = function (value, low, high) {
    if (!known(value) || !known(low) || !known(high)) return charts.number(value);
    const d = places(value, (high - low) / 2);
    return fixed(value, d) + " [" + fixed(low, d) + ", " + fixed(high, d) + "]";
  };
  charts.plusMinus = function (value, low, high) {
    if (!known(low) || !known(high) || !known(value)) return charts.interval(value, low, high);
    const half = (high - low) / 2;
    const lopsided = Math.abs(value - low - half) > 0.15 * half || half > Math.abs(value);
    if (lopsided || half < 1e-12) return charts.interval(value, low, high);
    const d = places(value, half);
    return fixed(value, d) + " \u00b1 " + fixed(half, d);
  };
  charts.full = function (value, low, high) {
    return known(low) && known(high) ? value + " [" + low + ", " + high + "]" : String(value);
  };

  charts.scale = function (domain, range, log) {
    const f = log ? Math.log : Number;
    const start = f(domain[0]);
    const factor = (range[1] - range[0]) / (f(domain[1]) - start);
    const place = function (value) { return range[0] + (f(value) - start) * factor; };
    place.invert = function (pixel) {
      const value = start + (pixel - range[0]) / factor;
      return log ? Math.exp(value) : value;
    };
    return place;
  };
  charts.ticks = function (low, high, count, log, integer) {
    const list = [];
    if (!(high > low)) return [[low, String(low)]];
    if (log) {
      const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
      const decades = Math.max(1, Math.ceil((last - first) / Math.max(1, count)));
      for (let e = Math.ceil(first / decades) * decades; e <= last; e += decades) {
        (last - first > count / 2 ? [1] : [1, 2, 5]).forEach(function (m) {
          const value = Number(m + "e" + e);
          if (value >= low && value <= high) list.push([value, String(value)]);
        });
      }
      if (list.length > 2) return list;
      list.length = 0;
    }
    const raw = (high - low) / Math.max(1, count);
    const power = Math.pow(10, Math.floor(Math.log10(raw)));
    const nice = power * [1, 2, 2.5, 5, 10].find(function (m) { return raw / power <= m * 1.0001; });
    const step = integer ? Math.max(1, Math.ceil(nice)) : nice;
    const d = integer ? 0 : Math.max(0, Math.min(12, -Math.floor(Math.log10(step) + 1e-9) +
      (Math.abs(step / power - 2.5) < 1e-9 ? 1 : 0)));
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) {
      const text = fixed(i * step, d);
      list.push([Number(text), Math.abs(i * step) >= 1e4 ? Number(text).toLocaleString("en") : text]);
    }
    return list;
  };

  // 36 runs differ: six colours, and for each six more the marker and the dash move on.
  const DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2"];
  charts.colour = function (series) {
    return series.colour || (series.quiet ? "var(--quiet)" : "var(--run-" + series.number % 6 + ")");
  };
  charts.dash = function (number, line) {
    if (line === "dashed") return "6 4";
    if (line === "dotted") return "1.5 4";
    return DASHES[Math.floor(number / 6) % 6] || undefined;
  };
  charts.mark = function (parent, x, y, series, hollow, r) {
    const colour = charts.colour(series);
    const style = { fill: hollow ? "var(--card)" : colour, stroke: colour, "stroke-width": 1.5 };
    const polygon = function (list) {
      svg("polygon", Object.assign(style, { points: list.map(function (one) {
        return (x + one[0] * r).toFixed(1) + "," + (y + one[1] * r).toFixed(1);
      }).join(" ") }), parent);
    };
    if (series.marker === "star") {
      r *= 2;
      polygon(Array.from({ length: 10 }, function (_, i) {
        const out = i % 2 ? 0.4 : 1;
        return [out * Math.sin(i * Math.PI / 5), -out * Math.cos(i * Math.PI / 5)];
      }));
      return;
    }
    switch ((series.number % 6 + Math.floor(series.number / 6)) % 6) {
    case 0: svg("circle", Object.assign(style, { cx: x, cy: y, r: r }), parent); break;
    case 1: polygon([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]); break;
    case 2: polygon([[0, -1.2], [1.1, 0.9], [-1.1, 0.9]]); break;
    case 3: polygon([[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]]); break;
    case 4: polygon([[0, 1.2], [1.1, -0.9], [-1.1, -0.9]]); break;
    default: polygon([[-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4],
      [0.4, 1.1], [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4]]);
    }
  };
  charts.swatch = function (parent, series, x, y) {
    if (series.line !== "none") {
      svg("line", { x1: x, x2: x + 24, y1: y, y2: y, stroke: charts.colour(series),
        "stroke-width": 2, "stroke-dasharray": charts.dash(series.number, series.line) }, parent);
    }
    if (series.marker !== "none") charts.mark(parent, x + 12, y, series, false, 3.5);
  };
  charts.better = function (direction) {
    return direction ? (direction === "higher" ? "\u2191" : "\u2193") + " better" : "";
  };
  charts.button = function (parent, className, text, act) {
    const node = element("button", className, text);
    node.type = "button";
    node.addEventListener("click", act);
    parent.append(node);
    return node;
  };
  // A labelled choice among [value, text, group]; returns the control.
  charts.choice = function (parent, label, options, value, act) {
    const box = element("label", "control", label);
    const select = element("select");
    select.autocomplete = "off";
    const groups = {};
    options.forEach(function (one) {
      const option = element("option", "", one[1]);
      option.value = one[0];
      if (one[2] && !groups[one[2]]) {
        groups[one[2]] = element("optgroup");
        groups[one[2]].label = one[2];
        select.append(groups[one[2]]);
      }
      (groups[one[2]] || select).append(option);
    });
    select.value = value;
    select.addEventListener("change", function () { act(select.value); });
    box.append(select);
    parent.append(box);
    return select;
  };
  charts.views = views;
  charts.peers = function (view) {
    const cursor = view.chart.cursor;
    return cursor ? views.filter(function (one) { return one.chart.cursor === cursor; }) : [view];
  };
})();
