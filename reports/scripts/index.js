// The table of runs: filter, choosers, columns, and which runs are picked.
(function () {
  "use strict";
  const KEY = "sfr-eval-index-columns";
  const data = sfr.index = JSON.parse(document.getElementById("index-data").textContent);
  const table = document.getElementById("runs-table");
  const box = document.getElementById("run-controls");
  const rows = Array.from(table.tBodies[0].rows);
  const bar = document.querySelector(".pick-bar");
  const choices = Array.from(box.querySelectorAll(".run-choice"));
  const columns = Array.from(box.querySelectorAll(".run-column"));
  const all = document.querySelector(".run-all");
  const said = document.querySelector(".run-said");

  // Rows that a chooser leaves out; the filter of tables.js hides others.
  function choose() {
    rows.forEach(function (row) {
      row.classList.toggle("out", choices.some(function (choice) {
        return choice.value && row.dataset[choice.dataset.key] !== choice.value;
      }));
    });
  }
  // The first rows are laid out at once, the others when something is looked for.
  function showAll() {
    table.classList.add("whole");
    all.hidden = true;
    count();
  }
  function count() {
    const whole = table.classList.contains("whole");
    const shown = rows.filter(function (row) {
      return !row.hidden && !row.classList.contains("out") &&
        (whole || !row.classList.contains("later"));
    }).length;
    said.textContent = "Showing " + shown.toLocaleString("en") + " of " +
      rows.length.toLocaleString("en") + (rows.length === 1 ? " row." : " rows.");
  }

  function remembered() {
    try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch (error) { return {}; }
  }
  function column(checkbox) {
    table.querySelectorAll(".c-" + checkbox.value).forEach(function (cell) {
      cell.classList.toggle("off", !checkbox.checked);
    });
  }
  function remember(checkbox) {
    const shown = remembered();
    shown[checkbox.value] = checkbox.checked;
    try { localStorage.setItem(KEY, JSON.stringify(shown)); } catch (error) { /* a browser may forbid storage to a file */ }
  }

  const picks = [];  // numbers of runs, in the order in which they were picked
  function pick(number, on) {
    const at = picks.indexOf(number);
    if (on && at < 0) picks.push(number);
    if (!on && at >= 0) picks.splice(at, 1);
    const row = table.querySelector('tr[data-run="' + number + '"]');
    row.classList.toggle("picked", on);
    row.querySelector(".run-pick").checked = on;
    bar.hidden = !picks.length;
    bar.querySelector(".pick-count").textContent = picks.length + " picked.";
    sfr.overlay(picks);
  }
  sfr.pickRun = pick;

  document.addEventListener("DOMContentLoaded", function () {
    box.querySelectorAll(".control").forEach(function (one) { one.hidden = false; });
    box.querySelector(".columns").hidden = false;
    choices.forEach(function (one) {
      one.addEventListener("change", function () {
        choose();
        showAll();
      });
    });
    // tables.js sorts and filters: rows are moved, or hidden.
    new MutationObserver(showAll).observe(table.tBodies[0],
      { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });
    all.hidden = !table.querySelector(".later");
    all.addEventListener("click", showAll);
    const before = remembered();
    columns.forEach(function (one) {
      if (one.value in before) one.checked = before[one.value];
      if (!one.checked) column(one);
      one.addEventListener("change", function () {
        column(one);
        remember(one);
      });
    });
    bar.querySelector(".pick-none").addEventListener("click", function () {
      picks.slice().forEach(function (number) { pick(number, false); });
    });
    table.addEventListener("change", function (event) {
      if (event.target.classList.contains("run-pick")) {
        pick(Number(event.target.value), event.target.checked);
      }
    });
    count();
    if (data.runs.length) sfr.drawHistories();
  });
})();
