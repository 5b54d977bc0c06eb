// Picked runs on shared axes and side by side: charts of the form of sfr_eval/report/charts/chart.py,
// drawn by sfr.drawChart.
(function () {
  "use strict";
  const element = sfr.element, data = sfr.index;
  const box = document.querySelector("section.overlay");
  const BANDS = 6;  // more bands than that hide the lines
  const chosen = { metric: "", temperature: "" };

  function figure(parent) {
    const node = element("figure", "plot");
    node.append(element("figcaption", "quiet"));
    parent.append(node);
    return node;
  }
  function draw(node, chart, about) {
    node.querySelector("figcaption").textContent = about;
    sfr.drawChart(node, chart);
  }
  function axis(metric, more) {
    const info = data.metrics[metric];
    return Object.assign({ label: info.label, metric: metric, role: info.role,
      direction: info.direction, possible: info.possible }, more);
  }
  // Places with a value and, for those with an interval too, a band.
  function series(name, number, points, banded) {
    return { name: name, number: number, line: "solid", marker: "run", band_along: "x",
      points: points, band: points.filter(function (p) {
        return banded && p.y_low !== undefined;
      }).map(function (p) { return [p.x, p.y_low, p.y_high]; }) };
  }
  function point(x, row, more) {
    const one = Object.assign({ x: x, y: row[1] }, more);
    if (row[2] !== null && row[3] !== null) Object.assign(one, { y_low: row[2], y_high: row[3] });
    return one;
  }
  function nearest(curve, temperature) {
    return curve.reduce(function (best, row) {
      return Math.abs(row[0] - temperature) < Math.abs(best[0] - temperature) ? row : best;
    });
  }
  function select(parent, label, options, value, act) {
    const control = element("label", "control", label);
    const node = element("select");
    options.forEach(function (one) {
      const option = element("option", "", one[1]);
      option.value = one[0];
      node.append(option);
    });
    node.value = value;
    node.autocomplete = "off";
    node.addEventListener("change", function () { act(node.value); });
    control.append(node);
    parent.append(control);
    return node;
  }

  // What the picked runs do not share: their numbers are then no fair comparison.
  function mismatches(runs) {
    const all = runs.map(function (run) { return data.settings[run.settings]; });
    const names = new Set(all.flatMap(function (one) { return Object.keys(one); }));
    const differing = Array.from(names).filter(function (name) {
      return all.some(function (one) { return one[name] !== all[0][name]; });
    });
    // Of another metric, it is not told how that is measured.
    return differing.filter(function (name) {
      const metric = name.split(" ")[0] + " metric";
      return name === metric || !differing.includes(metric);
    }).map(function (name) {
      const values = new Set(all.map(function (one) { return one[name] || "none"; }));
      return name + ": " + Array.from(values).map(function (value) {
        return value.length > 40 ? value.slice(0, 39) + "\u2026" : value;
      }).join(" and ");
    });
  }

  function names(runs) {
    const same = runs.some(function (run, i) {
      return runs.findIndex(function (one) { return one.place === run.place; }) !== i;
    });
    return runs.map(function (run) { return run.place + (same ? " (" + run.suite + ")" : ""); });
  }

  sfr.series = { axis: axis, draw: draw, figure: figure, nearest: nearest, of: series, point: point,
    BANDS: BANDS };

  const overlay = figure(box.querySelector(".overlay-plots"));
  const plane = figure(box.querySelector(".overlay-plots"));
  sfr.overlay = function (picks) {
    box.hidden = !picks.length;
    if (!picks.length) return;
    const runs = picks.map(function (number) { return data.runs[number]; });
    const labels = names(runs);
    const metrics = Object.keys(data.metrics).filter(function (metric) {
      return runs.some(function (run) { return run.curves[metric]; });
    });
    const temperatures = Array.from(new Set(runs.flatMap(function (run) {
      return Object.values(run.curves).flatMap(function (curve) {
        return curve.map(function (row) { return row[0]; });
      });
    }))).sort(function (a, b) { return a - b; });
    if (!metrics.includes(chosen.metric)) chosen.metric = metrics[0];
    if (!temperatures.includes(Number(chosen.temperature)) || chosen.temperature === "") {
      chosen.temperature = String(runs[0].temperature);
    }
    chips(picks, labels);
    const line = box.querySelector(".mismatch");
    const different = mismatches(runs);
    line.hidden = !different.length;
    line.textContent = "Not measured alike. " + different.join("; ") + ".";
    const controls = box.querySelector(".overlay-controls");
    controls.replaceChildren();
    select(controls, "Metric", metrics.map(function (metric) {
      return [metric, data.metrics[metric].label];
    }), chosen.metric, function (value) { chosen.metric = value; curves(runs, labels); })
      .className = "overlay-metric";
    select(controls, "Temperature of the table", temperatures.map(function (t) {
      return [String(t), String(t)];
    }), chosen.temperature, function (value) {
      chosen.temperature = value;
      sideBySide(runs, labels, metrics);
    }).className = "overlay-temperature";
    curves(runs, labels);
    planeOf(runs, labels, metrics);
    sideBySide(runs, labels, metrics);
    const folders = Array.from(new Set(runs.map(function (run) { return run.folder; })));
    const enough = folders.length > 1;
    box.querySelector(".command").textContent = enough ?
      "sfr-eval compare " + folders.join(" ") : "Pick a second run.";
    box.querySelector(".copy-command").hidden = !enough;
  };
  function chips(picks, labels) {
    const line = box.querySelector(".picked");
    line.replaceChildren();
    picks.slice().forEach(function (number, at) {
      const chip = element("button", "");
      chip.type = "button";
      sfr.charts.swatch(sfr.charts.svg("svg", { width: 24, height: 12, "aria-hidden": true }, chip),
        { number: at, line: "solid", marker: "run" }, 0, 6);
      chip.append(" " + labels[at] + " \u00d7");
      chip.setAttribute("aria-label", "Put back " + labels[at]);
      chip.addEventListener("click", function () { sfr.pickRun(number, false); });
      line.append(chip);
    });
  }
  function curves(runs, labels) {
    const metric = chosen.metric;
    draw(overlay, { kind: "xy", title: data.metrics[metric].label + " over temperature",
      x: { label: "temperature", possible: [0, null] }, y: axis(metric), cursor: "overlay",
      series: runs.map(function (run, i) {
        return series(labels[i], i, (run.curves[metric] || []).map(function (row) {
          return point(row[0], row, {});
        }), runs.length <= BANDS);
      }).filter(function (one) { return one.points.length; }) },
    runs.length > BANDS ? "Point at a mark for its 95 % interval." :
      "Bands are the 95 % intervals of each run alone.");
  }
  function planeOf(runs, labels, metrics) {
    const usable = metrics.filter(function (metric) {
      return data.metrics[metric].direction;
    });
    const variety = usable.find(function (m) { return data.metrics[m].role === "variety"; });
    const other = usable.find(function (m) { return data.metrics[m].role === "quality"; }) ||
      usable.find(function (m) { return m !== variety; });
    plane.hidden = !variety || !other;
    if (plane.hidden) return;
    draw(plane, { kind: "plane", title: "Any measure against any other", x: variety, y: other,
      axes: usable.map(function (metric) { return axis(metric); }),
      series: runs.map(function (run, i) {
        const at = new Map();
        usable.forEach(function (metric) {
          (run.curves[metric] || []).forEach(function (row) {
            if (!at.has(row[0])) at.set(row[0], {});
            at.get(row[0])[metric] = row.slice(1);
          });
        });
        const places = Array.from(at.keys()).sort(function (a, b) { return a - b; });
        return { name: labels[i], number: i, marker: "run",
          points: places.map(function (t) { return at.get(t); }),
          labels: places.map(function (t) { return "T=" + t; }) };
      }) }, "One point for each temperature, joined in order.");
  }
  function sideBySide(runs, labels, metrics) {
    const table = box.querySelector(".overlay-table");
    const head = element("tr"), body = element("tbody");
    const t = Number(chosen.temperature);
    const corner = element("th", "", "T = " + t);
    corner.scope = "col";
    head.append(corner);
    labels.forEach(function (label) {
      const cell = element("th", "", label);
      cell.scope = "col";
      head.append(cell);
    });
    metrics.forEach(function (metric) {
      const line = element("tr");
      const name = element("th", "", data.metrics[metric].label + " " +
        ({ higher: "\u2191", lower: "\u2193" }[data.metrics[metric].direction] || ""));
      name.scope = "row";
      line.append(name);
      runs.forEach(function (run) {
        const row = (run.curves[metric] || []).find(function (one) { return one[0] === t; });
        const cell = element("td", "", row ? sfr.charts.interval(row[1], row[2], row[3]) : "-");
        if (row) cell.title = sfr.charts.full(row[1], row[2], row[3]);
        line.append(cell);
      });
      body.append(line);
    });
    const top = element("thead");
    top.append(head);
    table.replaceChildren(top, body);
  }

  const button = box.querySelector(".copy-command");
  button.addEventListener("click", function () {
    sfr.copy(box.querySelector(".command").textContent).then(function (worked) {
      button.textContent = worked ? "Copied" : "Not copied";
      setTimeout(function () { button.textContent = "Copy"; }, 2000);
    });
  });
})();
