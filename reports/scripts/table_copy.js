// The menu that copies a table, as it is sorted and filtered: Markdown and LaTeX with the numbers
// as they are shown, CSV unrounded with the ends of the intervals.
(function () {
  "use strict";
  var sfr = window.sfr, element = sfr.element;
  var TEX = { "&": "\\&", "%": "\\%", "#": "\\#", "_": "\\_", "$": "\\$", "{": "\\{", "}": "\\}",
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "±": "$\\pm$", "↑": "$\\uparrow$", "↓": "$\\downarrow$", "↕": "", "→": "$\\rightarrow$",
    "<": "$<$", ">": "$>$", "−": "$-$", "▲": "$\\blacktriangle$", "▼": "$\\blacktriangledown$", "–": "--" };
  // Text as it stands in a LaTeX document.
  sfr.latexText = function (text) {
    return text.replace(/[&%#_${}\\~^±↑↓↕→<>−▲▼–]/g, function (sign) { return TEX[sign]; });
  };

  function seen(row) { return !row.hidden; }
  function head(table) {
    var row = table.tHead && table.tHead.rows[table.tHead.rows.length - 1];
    return row ? [...row.cells] : [];
  }
  // Rows of cells; the heading of a group is a row with one cell.
  function rows(table) {
    return [...table.tBodies].flatMap(function (body) {
      return [...body.rows].filter(seen).map(function (row) { return [...row.cells]; });
    });
  }
  function filled(cells, width) {
    return cells.concat(Array(Math.max(0, width - cells.length)).fill(""));
  }

  function markdown(table) {
    function line(texts) {
      return "| " + texts.map(function (text) { return text.replace(/\|/g, "\\|"); }).join(" | ") + " |";
    }
    var body = rows(table), width = Math.max(head(table).length, ...body.map(function (r) { return r.length; }));
    var names = filled(head(table).map(sfr.cellText), width);
    var rule = names.map(function (_, i) { return i ? "---:" : "---"; });
    return [line(names), line(rule)].concat(body.map(function (cells) {
      return line(filled(cells.map(sfr.cellText), width));
    })).join("\n") + "\n";
  }

  function latex(table) {
    function text(cell) {
      return sfr.latexText(sfr.cellText(cell)).trim();
    }
    var body = rows(table), names = head(table).map(text);
    var width = Math.max(names.length, ...body.map(function (r) { return r.length; }));
    function line(texts) { return texts.join(" & ") + " \\\\"; }
    var lines = ["\\begin{tabular}{l" + "r".repeat(Math.max(0, width - 1)) + "}", "\\toprule"];
    if (names.length) lines.push(line(filled(names, width)), "\\midrule");
    body.forEach(function (cells) {
      if (cells.length === 1 && width > 1) {
        lines.push("\\addlinespace", "\\multicolumn{" + width + "}{l}{\\textit{" + text(cells[0]) + "}} \\\\");
      } else lines.push(line(filled(cells.map(text), width)));
    });
    return lines.concat("\\bottomrule", "\\end{tabular}").join("\n") + "\n";
  }

  // A spreadsheet runs a text that begins with one of = + - @, so such a text gets an apostrophe.
  sfr.csvField = function (text) {
    var runs = /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(text);
    var safe = runs ? "'" + text : text;
    return /[",\n\r]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
  };
  function csv(table) {
    var body = rows(table).filter(function (cells) { return cells.length > 1; });
    var names = head(table);
    var width = Math.max(names.length, ...body.map(function (r) { return r.length; }));
    var bounded = Array.from({ length: width }, function (_, i) {
      return body.some(function (cells) { return cells[i] && cells[i].dataset.low !== undefined; });
    });
    function wide(texts, low, high) {
      return texts.flatMap(function (text, i) { return bounded[i] ? [text, low(i), high(i)] : [text]; });
    }
    var titles = filled(names.map(sfr.cellText), width).map(function (name) {
      return name.replace(/ ?[↑↓↕]$/, "");
    });
    var lines = names.length ? [wide(titles, function (i) { return titles[i] + " low"; },
      function (i) { return titles[i] + " high"; })] : [];
    body.forEach(function (cells) {
      lines.push(wide(filled(cells, width).map(function (cell) {
        if (!cell) return "";
        if (cell.dataset.value !== undefined) return cell.dataset.value;
        var text = sfr.cellText(cell);
        return text === "-" ? "" : text.replace(/ ?[↑↓↕]$/, "");
      }), function (i) { return (cells[i] && cells[i].dataset.low) || ""; },
      function (i) { return (cells[i] && cells[i].dataset.high) || ""; }));
    });
    return lines.map(function (line) { return line.map(sfr.csvField).join(",") + "\r\n"; }).join("");
  }

  var FORMATS = { Markdown: markdown, LaTeX: latex, CSV: csv };
  sfr.tableText = function (table, format) { return FORMATS[format](table); };

  sfr.copyMenu = function (table, name) {
    var menu = element("details", "menu"), summary = element("summary", "", "Copy");
    var box = element("div"), said = element("span", "quiet");
    summary.setAttribute("aria-label", "Copy the table: " + name);
    said.setAttribute("role", "status");
    Object.keys(FORMATS).forEach(function (format) {
      var button = element("button", "", format);
      button.type = "button";
      button.addEventListener("click", function () {
        sfr.copy(sfr.tableText(table, format)).then(function (done) {
          said.textContent = done ? "Copied as " + format : "The browser does not allow copying";
        });
      });
      box.append(button);
    });
    box.append(said);
    menu.append(summary, box);
    menu.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && menu.open) { menu.open = false; summary.focus(); }
    });
    menu.addEventListener("focusout", function (event) {
      var next = event.relatedTarget;  // sfr.copy may pass the focus through a field of its own
      if (menu.contains(next) || (next && next.tagName === "TEXTAREA")) return;
      menu.open = false;
      said.textContent = "";
    });
    return menu;
  };
})();
