// Trainings over their steps: a chart for each headline metric.
(function () {
  "use strict";
  const data = sfr.index, make = sfr.series;
  sfr.drawHistories = function () {
    document.querySelectorAll("section.history").forEach(function (section) {
      const history = data.histories[Number(section.dataset.history)];
      const choice = section.querySelector(".history-temperature");
      const plots = section.querySelector(".history-plots");
      const figures = history.metrics.map(function () { return make.figure(plots); });
      function show() {
        const t = Number(choice.value);
        history.metrics.forEach(function (metric, i) {
          make.draw(figures[i], { kind: "xy", title: data.metrics[metric].label,
            x: { label: "training step", possible: [0, null] }, y: make.axis(metric),
            cursor: "steps-" + section.dataset.history,
            series: history.trainings.map(function (training, number) {
              return make.of(training.name, number, training.runs.flatMap(function (at) {
                const run = data.runs[at], curve = run.curves[metric];
                return curve && curve.length ?
                  [make.point(run.step, make.nearest(curve, t), { about: run.place })] : [];
              }), history.trainings.length <= make.BANDS);
            }).filter(function (one) { return one.points.length; }) },
          "At T = " + t + (history.trainings.length > make.BANDS ? ". Point at a mark for its interval." :
            ". Bands are the 95 % intervals of each checkpoint alone."));
        });
      }
      choice.closest(".control").hidden = choice.options.length < 2;
      choice.addEventListener("change", show);
      const watcher = new IntersectionObserver(function (entries) {
        if (entries.some(function (one) { return one.isIntersecting; })) {
          watcher.disconnect();
          show();
        }
      }, { rootMargin: "300px" });
      watcher.observe(section);
    });
  };
})();
