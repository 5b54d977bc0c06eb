// Of a page that `sfr-eval view` serves: how far running runs have got, asked every two seconds.
(function () {
  "use strict";
  const line = document.querySelector(".live");
  const stamp = line.dataset.stamp;
  function show(run) {
    document.querySelectorAll("tr[data-place]").forEach(function (row) {
      if (row.dataset.place !== run.place) return;
      const cell = row.querySelector(".c-status");
      const progress = cell.querySelector(".progress") || sfr.element("span", "quiet progress");
      if (run.done < run.planned) {
        progress.textContent = run.done.toLocaleString("en") + " of " +
          run.planned.toLocaleString("en");
        if (!progress.parentNode) cell.append(" ", progress);
      } else {
        progress.remove();
      }
      row.dataset.status = run.status;
      cell.querySelector(".status").textContent = run.status;
    });
  }
  function ask() {
    fetch("/.live.json", { cache: "no-store" }).then(function (answer) {
      return answer.ok ? answer.json() : Promise.reject(new Error(answer.status));
    }).then(function (found) {
      found.running.forEach(show);
      line.hidden = found.stamp === stamp;
      setTimeout(ask, 2000);
    }).catch(function () {
      setTimeout(ask, 10000);  // the server was stopped; it may come back
    });
  }
  document.addEventListener("DOMContentLoaded", function () { setTimeout(ask, 2000); });
})();
