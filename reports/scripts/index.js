// The table of runs: filter, choosers, columns, and which runs are picked.
(function () {
  "use strict";
  const KEY = "sfr-eval-index-columns";
  const data = sfr.index = JSON.parse(document.getElementById("index-data").textContent);
  const table = document.getElementById("runs-table");
  const box = document.getElementById("run-controls");
  const rows = Array.from(table.tBodies[0].rows);
  const text = box.querySelector(".run-text");
  const choices = Array.from(box.querySelectorAll(".run-choice"));
  const columns = Array.from(box.querySelectorAll(".run-column"));
  const said = document.querySelector(".run-said");

  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach(function (row) {
      const fits = words.every(function (word) { return row.dataset.words.includes(word); }) &&
        choices.every(function (choice) {
          return !choice.value || row.dataset[choice.dataset.key] === choice.value;
        });
      row.classList.toggle("out", !fits);
      shown += fits;
    });
    said.textContent = "Showing " + shown.toLocaleString("en") + " of " +
      rows.length.toLocaleString("en") + (rows.length === 1 ? " row." : " rows.");
  }
  sfr.filterRuns = filter;

  function remembered() {
    try { return JSON.parse(localStorage.getItem(KEY)) || []; } catch (error) { return []; }
  }
  function column(checkbox) {
    table.querySelectorAll(".c-" + checkbox.value).forEach(function (cell) {
      cell.classList.toggle("off", !checkbox.checked);
    });
  }
  function remember() {
    const off = columns.filter(function (one) { return !one.checked; });
    try {
      localStorage.setItem(KEY, JSON.stringify(off.map(function (one) { return one.value; })));
    } catch (error) { /* a browser may forbid storage to a file */ }
  }

  const picks = [];  // numbers of runs, in the order in which they were picked
  function pick(number, on) {
    const at = picks.indexOf(number);
    if (on && at < 0) picks.push(number);
    if (!on && at >= 0) picks.splice(at, 1);
    const row = table.querySelector('tr[data-run="' + number + '"]');
    row.classList.toggle("picked", on);
    row.querySelector(".run-pick").checked = on;
    sfr.overlay(picks);
  }
  sfr.pickRun = pick;

  document.addEventListener("DOMContentLoaded", function () {
    box.querySelectorAll(".control").forEach(function (one) { one.hidden = false; });
    box.querySelector(".columns").hidden = false;
    text.addEventListener("input", filter);
    choices.forEach(function (one) { one.addEventListener("change", filter); });
    const off = remembered();
    columns.forEach(function (one) {
      if (off.includes(one.value)) {
        one.checked = false;
        column(one);
      }
      one.addEventListener("change", function () {
        column(one);
        remember();
      });
    });
    table.addEventListener("change", function (event) {
      if (event.target.classList.contains("run-pick")) {
        pick(Number(event.target.value), event.target.checked);
      }
    });
    filter();
    if (data.runs.length) sfr.drawHistories();
  });
})();
