// What is shown now, to take away: PNG, SVG, CSV, and text for LaTeX, Markdown and BibTeX.
(function () {
  "use strict";
  const charts = sfr.charts, svg = charts.svg, known = charts.known;
  const DENSITY = 3;  // pixels of a PNG for each of the page,
  const LARGEST = 16e6;  // but no more in all than every browser can draw
  const LINE = 18;

  function fileName(view, suffix) {
    const title = view.title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
    return (title || "chart").slice(0, 80) + "." + suffix;
  }
  function save(view, suffix, blob) {
    const link = sfr.element("a");
    link.href = URL.createObjectURL(blob);
    link.download = fileName(view, suffix);
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  }
  // The drawing as a document of its own: title and legend inside, in the colours of paper.
  function drawing(view) {
    const width = Math.min(Math.max(240, view.width),
      Math.max(view.used || Infinity, 90 + charts.width(title(view)) * 1.3));
    const top = LINE + 10;
    const sheet = svg("svg", { xmlns: "http://www.w3.org/2000/svg", "font-size": charts.SIZE,
      "font-family": "system-ui, 'DejaVu Sans', sans-serif" });
    svg("rect", { width: "100%", height: "100%", fill: "var(--card)" }, sheet);
    svg("text", { x: 8, y: LINE, "font-size": 14, "font-weight": 600, fill: "var(--ink)" }, sheet,
      charts.cut(title(view), width - 60));
    const body = svg("g", { transform: "translate(0 " + top + ")" }, sheet);
    Array.from(view.svg.children).forEach(function (one) {
      if (one !== view.over) body.append(one.cloneNode(true));
    });
    let x = 8, y = top + view.height + 14;
    const shown = (view.entries || []).filter(function (one) { return !view.hidden.has(one.key); });
    if (shown.length > 1) {
      shown.forEach(function (one) {
        const room = 44 + charts.width(one.name);
        if (x > 8 && x + room > width) { x = 8; y += LINE; }
        charts.swatch(sheet, one, x, y);
        svg("text", { x: x + 29, y: y + 4, fill: "var(--ink)" }, sheet, one.name);
        x += room;
      });
      y += 14;
    }
    sheet.setAttribute("viewBox", "0 0 " + width + " " + y);
    sheet.setAttribute("width", width);
    sheet.setAttribute("height", y);
    const probe = sfr.element("span");
    probe.style.colorScheme = "light";
    view.box.append(probe);
    const text = new XMLSerializer().serializeToString(sheet).replace(/var\((--[\w-]+)\)/g,
      function (variable) {
        probe.style.color = variable;
        return getComputedStyle(probe).color;
      });
    probe.remove();
    return { text: text, width: width, height: y };
  }
  function png(view) {
    const made = drawing(view);
    const image = new Image();
    image.onload = function () {
      const canvas = sfr.element("canvas");
      const density = Math.min(DENSITY, Math.sqrt(LARGEST / (made.width * made.height)));
      canvas.width = Math.floor(made.width * density);
      canvas.height = Math.floor(made.height * density);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(function (blob) { save(view, "png", blob); });
    };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(made.text);
  }

  function isNumber(cell) { return cell !== null && typeof cell === "object"; }
  function csv(view) {
    const table = view.kind.table(false);
    // A column of intervals has three columns, if any of its cells has ends.
    const ends = table.columns.map(function (_, c) {
      return table.rows.some(function (row) { return isNumber(row[c]) && known(row[c].low); });
    });
    const lines = [[].concat.apply([], table.columns.map(function (name, c) {
      return ends[c] ? [name, name + "_low", name + "_high"] : [name];
    }))].concat(table.rows.map(function (row) {
      return [].concat.apply([], row.map(function (cell, c) {
        if (!isNumber(cell)) return ends[c] ? [cell, "", ""] : [cell];
        return ends[c] ? [cell.value, cell.low, cell.high] : [cell.value];
      }));
    }));
    return lines.map(function (line) {
      return line.map(function (cell) { return sfr.csvField(known(cell) ? String(cell) : ""); })
        .join(",");
    }).join("\n") + "\n";
  }
  // For people: series against places where all series share them, else row by row.
  function compact(view) {
    const table = view.kind.table(true);
    const places = Array.from(new Set(table.rows.map(function (row) {
      return isNumber(row[1]) ? row[1].value : NaN;
    })));
    if (table.columns[0] !== "series" || !view.chart.cursor || places.length > 12) return table;
    const names = Array.from(new Set(table.rows.map(function (row) { return row[0]; })));
    const numbers = places.filter(function (one) { return one === one; }).sort(function (a, b) {
      return a - b;
    });
    return { columns: [""].concat(numbers.map(function (one) {
      return (/^temperature$/i.test(table.columns[1]) ? "T" : table.columns[1]) + " = " + one;
    })), rows: names.map(function (name) {
      return [name].concat(numbers.map(function (number) {
        return (table.rows.find(function (row) {
          return row[0] === name && (row[1] === "" || row[1].value === number);
        }) || [])[2] || { value: null };
      }));
    }) };
  }
  function words(cell) {
    if (!isNumber(cell)) return known(cell) ? String(cell) : "";
    return known(cell.value) ? charts.plusMinus(cell.value, cell.low, cell.high) : "\u2013";
  }
  function title(view) {
    return (view.title + (view.kind.about ? ", " + view.kind.about() : "")).replace(/\s+/g, " ");
  }
  function latex(view) {
    const escape = sfr.latexText;
    const number = function (cell) { return escape(words(cell)).replace(/-(?=\d)/g, "$-$"); };
    const table = compact(view);
    const line = function (cells) { return "    " + cells.join(" & ") + " \\\\"; };
    const columns = table.columns.map(function (_, c) {
      return table.rows.some(function (row) { return isNumber(row[c]); }) ? "r" : "l";
    }).join("");
    return ["% needs \\usepackage{booktabs}", "\\begin{table}", "  \\centering",
      "  \\caption{" + escape(title(view)) + " (95\\,\\% intervals; sfr-eval~" + version() + ").}",
      "  \\begin{tabular}{" + columns + "}", "    \\toprule", line(table.columns.map(escape)),
      "    \\midrule"].concat(table.rows.map(function (row) {
      return line(row.map(function (cell) { return isNumber(cell) ? number(cell) : escape(words(cell)); }));
    }), ["    \\bottomrule", "  \\end{tabular}", "\\end{table}", ""]).join("\n");
  }
  function markdown(view) {
    const table = compact(view);
    const line = function (cells) {
      return "| " + cells.map(function (one) {
        return one.replace(/[\\|]/g, "\\$&").replace(/\s+/g, " ");
      }).join(" | ") + " |";
    };
    return ["**" + title(view) + "** (95 % intervals)", "", line(table.columns),
      "|" + table.columns.map(function (_, c) {
        return table.rows.some(function (row) { return isNumber(row[c]); }) ? "---:|" : "---|";
      }).join("")].concat(table.rows.map(function (row) { return line(row.map(words)); }), [""])
      .join("\n");
  }
  function version() {
    const meta = document.querySelector("meta[name='generator']");
    return meta ? meta.content.replace(/^sfr-eval /, "") : "";
  }
  function bibtex(view) {
    const axes = view.plot ? [view.plot.x, view.plot.y] : view.chart.rows || [];
    const metrics = axes.map(function (one) { return one.metric; }).filter(Boolean);
    const note = "Figure ``" + title(view).replace(/[{}\\]/g, "") + "''" + (metrics.length ?
      "; metrics " + metrics.join(", ").replace(/_/g, "\\_") + " as defined in docs/metrics" : "");
    return ["@software{sfr_eval,", "  title = {sfr-eval: style collapse of fine-tuned language models},",
      "  version = {" + version() + "},", "  note = {" + note + "}", "}", ""].join("\n");
  }
  function copy(view, what, text) {
    sfr.copy(text).then(function (done) {
      view.live.textContent = done ? what + " copied." : "The browser does not allow copying.";
    });
  }

  // The menu is filled when it is first opened.
  charts.menu = function (view) {
    view.title = view.chart.title;
    const menu = sfr.element("details", "chart-menu");
    const summary = sfr.element("summary", "", "\u22ef");
    summary.setAttribute("aria-label", "Save or copy: " + view.title);
    summary.title = "Save or copy";
    menu.append(summary);
    const list = sfr.element("div", "chart-actions");
    menu.append(list);
    view.tools.append(menu);
    function close(back) {
      menu.open = false;
      if (back) summary.focus();
    }
    function action(text, act) {
      return charts.button(list, "", text, function () {
        close(true);
        act();
      });
    }
    function fill() {
      list.replaceChildren();
      if (view.log) {
        ["x", "y"].forEach(function (axis) {
          if (!view.kind.canLog || !view.kind.canLog(axis)) return;
          action((view.log[axis] ? "Linear " : "Logarithmic ") + axis + " axis", function () {
            view.log[axis] = !view.log[axis];
            view.zoom[axis] = undefined;  // it may reach to 0 or below
            charts.draw(view);
          });
        });
      }
      const large = view.figure.classList.contains("large");
      if (view.chart.kind === "xy" && view.figure.parentNode.classList.contains("plots")) {
        action(large ? "Smaller" : "Larger", function () { view.figure.classList.toggle("large"); });
      }
      action("Save as PNG", function () { png(view); });
      action("Save as SVG", function () {
        save(view, "svg", new Blob([drawing(view).text], { type: "image/svg+xml" }));
      });
      action("Save as CSV", function () {
        save(view, "csv", new Blob([csv(view)], { type: "text/csv" }));
      });
      action("Copy as LaTeX", function () { copy(view, "LaTeX", latex(view)); });
      action("Copy as Markdown", function () { copy(view, "Markdown", markdown(view)); });
      action("Copy BibTeX", function () { copy(view, "BibTeX", bibtex(view)); });
    }
    menu.addEventListener("toggle", function () { if (menu.open) fill(); });
    menu.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && menu.open) { close(true); event.stopPropagation(); }
    });
    document.addEventListener("pointerdown", function (event) {
      if (menu.open && !menu.contains(event.target)) close(false);
    });
  };
})();
