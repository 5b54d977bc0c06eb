// Tables: sorting, filtering, folding by group, arrow keys, and a hint that there is more.
//
// Every table in a box .scroll takes part. A number is what stands in data-value, unrounded. Rows
// of class "all" and "reference" stay on top of their group; a group is a <tbody> whose first row
// is of class "part".
(function () {
  "use strict";
  var sfr = window.sfr, element = sfr.element;
  var MANY = 8;  // rows from which a filter is worth its place
  var SIGNS = { ascending: "▲", descending: "▼", "": "⇅" };

  // What a cell says, without what only makes room.
  sfr.cellText = function (cell) {
    var copy = cell.cloneNode(true);
    copy.querySelectorAll(".pad, .sort").forEach(function (node) { node.remove(); });
    return copy.textContent.replace(/\s+/g, " ").trim();
  };
  // A cell as it is sorted: a number, a text in lower case, or null for what is undefined.
  function key(cell) {
    if (!cell) return null;
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    var text = sfr.cellText(cell);
    if (text === "" || text === "-" || text === "undefined") return null;
    if (cell.classList.contains("n")) return null;
    var number = text.match(/^[<+−-]?\d[\d,]*(\.\d+)?(?=$|[\s%])/);
    if (!number) return text.toLowerCase();
    return parseFloat(number[0].replace(/[<,+]/g, "").replace("−", "-"));
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, undefined, { numeric: true });
  }
  function rowsOf(body) {
    return [...body.rows].filter(function (row) { return !row.classList.contains("part"); });
  }
  function pinned(row) { return row.classList.contains("all") || row.classList.contains("reference"); }

  function sortable(table) {
    var head = table.tHead && table.tHead.rows[table.tHead.rows.length - 1];
    if (!head) return;
    var original = new Map([...table.tBodies].map(function (body) { return [body, rowsOf(body)]; }));
    if (![...original.values()].some(function (rows) { return rows.length > 1; })) return;
    function sort(column, way) {
      original.forEach(function (rows, body) {
        var top = rows.filter(pinned), rest = rows.filter(function (row) { return !pinned(row); });
        if (way) {
          var keyed = rest.map(function (row) { return [key(row.cells[column]), row]; });
          var sign = way === "ascending" ? 1 : -1;
          keyed.sort(function (a, b) {
            if (a[0] === null || b[0] === null) return (a[0] === null) - (b[0] === null);
            return sign * compare(a[0], b[0]);
          });
          rest = keyed.map(function (pair) { return pair[1]; });
        }
        body.append.apply(body, top.concat(rest));
      });
    }
    [...head.cells].forEach(function (cell, column) {
      var name = sfr.cellText(cell);
      if (!name && column) return;
      var button = element("button", "sort", SIGNS[""]);
      button.type = "button";
      button.setAttribute("aria-label", "Sort by " + (name || "name"));
      cell.append(button);
      cell.classList.add("sortable");
      cell.addEventListener("click", function (event) {
        if (event.target.closest("a")) return;
        var now = cell.getAttribute("aria-sort");
        var next = !now ? "ascending" : now === "ascending" ? "descending" : "";
        [...head.cells].forEach(function (other) {
          other.removeAttribute("aria-sort");
          var sign = other.querySelector("button.sort");
          if (sign) sign.textContent = SIGNS[""];
        });
        if (next) cell.setAttribute("aria-sort", next);
        button.textContent = SIGNS[next];
        sort(column, next);
      });
    });
  }

  // Which rows are seen: those that match, of groups that are not folded. Returns how to ask anew.
  function shown(table, filter, said) {
    var folds = new Map();
    function show() {
      var words = filter ? filter.value.trim().toLowerCase() : "", seen = 0, all = 0;
      [...table.tBodies].forEach(function (body) {
        var fold = folds.get(body), matching = 0;
        var folded = fold && !words && fold.getAttribute("aria-expanded") === "false";
        rowsOf(body).forEach(function (row) {
          var match = !words || sfr.cellText(row).toLowerCase().includes(words);
          matching += match;
          row.hidden = !match || folded;
        });
        if (fold) fold.closest("tr").hidden = !matching;
        seen += matching;
        all += rowsOf(body).length;
      });
      if (said) said.textContent = words ? seen + " of " + all + " rows" : "";
    }
    [...table.tBodies].forEach(function (body) {
      var head = body.rows[0] && body.rows[0].classList.contains("part") && body.rows[0].cells[0];
      if (!head) return;
      var button = element("button", "fold", head.textContent.trim());
      button.type = "button";
      button.setAttribute("aria-expanded", String(!body.hasAttribute("data-folded")));
      button.addEventListener("click", function () {
        button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") === "false"));
        show();
      });
      head.replaceChildren(button);
      folds.set(body, button);
    });
    if (filter) filter.addEventListener("input", show);
    addEventListener("beforeprint", function () {
      folds.forEach(function (button) { button.setAttribute("aria-expanded", "true"); });
      show();
    });
    show();
  }

  // The links of a table's cells are one stop of the Tab key; arrows move among them.
  function arrows(table) {
    function links() {
      return [...table.querySelectorAll("td a")].filter(function (link) {
        return link.offsetParent !== null;
      });
    }
    var first = table.querySelector("td a");
    if (!first) return;
    table.querySelectorAll("td a").forEach(function (link) { link.tabIndex = -1; });
    first.tabIndex = 0;
    table.addEventListener("keydown", function (event) {
      var step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      var cell = event.target.closest("td");
      if (!step || !cell || event.target.tagName !== "A") return;
      event.preventDefault();
      var all = links(), next = null;
      if (step[1]) {
        var row = all.filter(function (link) { return link.closest("tr") === cell.parentElement; });
        next = row[row.indexOf(event.target) + step[1]];
      } else {
        var column = all.filter(function (link) {
          return link.closest("td").cellIndex === cell.cellIndex;
        });
        next = column[column.indexOf(event.target) + step[0]];
      }
      if (!next) return;
      table.querySelectorAll("td a[tabindex='0']").forEach(function (link) { link.tabIndex = -1; });
      next.tabIndex = 0;
      next.focus();
    });
  }

  function hint(frame, box, place) {
    function look() {
      var beyond = box.scrollWidth - box.clientWidth;
      frame.dataset.more = beyond > 1 && box.scrollLeft < beyond - 1 ? "right" : "";
      place.textContent = beyond > 1 ? "↔ more columns: scroll sideways" : "";
    }
    box.addEventListener("scroll", look, { passive: true });
    new ResizeObserver(look).observe(box);  // at once, and when it comes to be shown
  }

  document.querySelectorAll(".scroll").forEach(function (box) {
    var table = box.querySelector("table");
    if (!table) return;
    var whole = element("div", "tabled"), tools = element("div", "tools"), frame = element("div", "table");
    var name = box.getAttribute("aria-label") || "table";
    box.before(whole);
    whole.append(tools, frame);
    frame.append(box);
    var filter = null, said = null;
    if ([...table.tBodies].reduce(function (sum, body) { return sum + rowsOf(body).length; }, 0) > MANY) {
      filter = element("input");
      filter.type = "search";
      filter.placeholder = "Filter rows";
      filter.autocomplete = "off";
      filter.setAttribute("aria-label", "Filter the rows of: " + name);
      said = element("span", "quiet");
      said.setAttribute("role", "status");
      tools.append(filter, said);
    }
    var more = element("span", "hint quiet");
    more.setAttribute("aria-hidden", "true");
    tools.append(more);
    sortable(table);
    shown(table, filter, said);
    arrows(table);
    if (sfr.copyMenu) tools.append(sfr.copyMenu(table, name));
    hint(frame, box, more);
  });
})();
