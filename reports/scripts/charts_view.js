// One chart of the page: its parts, pointing at marks by mouse, finger and keys, the legend, resizing.
(function () {
  "use strict";
  const charts = sfr.charts, svg = charts.svg, element = sfr.element;
  const REACH = 60, HIT = 14;  // pixels from the pointer to a mark: to show it, to open its replies
  const PAPER = [330, 680];  // widths of a small and of a wide chart in print
  const hidden = {};  // cursor -> what the legends of all its charts have switched off
  let count = 0;

  function build(figure, chart) {
    const view = { figure: figure, chart: chart, marks: [], zoom: {}, log: {}, width: 0,
      current: null, over: null };
    if (chart.cursor) hidden[chart.cursor] = hidden[chart.cursor] || new Set();
    view.hidden = chart.cursor ? hidden[chart.cursor] : new Set();
    view.number = count += 1;
    const caption = figure.querySelector("figcaption");
    const box = view.box = element("div", "chart");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", chart.title);
    const head = element("div", "chart-head");
    head.append(element("div", "chart-title", chart.title));
    view.tools = element("div", "chart-tools");
    view.reset = charts.button(view.tools, "chart-reset", "Reset zoom", function () {
      unzoom(view);
      view.svg.focus();
    });
    view.reset.hidden = true;
    head.append(view.tools);
    view.controls = element("div", "chart-controls");
    // Arrow keys must reach the drawing, also where a screen reader is on: hence an application.
    view.svg = svg("svg", { tabindex: 0, role: "application", "aria-roledescription": "chart",
      "aria-label": chart.title + ". Arrow keys read the values." });
    if (caption) {
      caption.id = caption.id || "chart-about-" + view.number;
      view.svg.setAttribute("aria-describedby", caption.id);
    }
    view.legend = element("div", "chart-legend");
    view.tip = element("div", "chart-tip");
    view.tip.hidden = true;
    view.live = element("p", "chart-live");
    view.live.setAttribute("aria-live", "polite");
    box.append(head, view.controls, view.svg, view.legend, view.tip, view.live);
    view.kind = charts.kinds[chart.kind](view);
    charts.menu(view);
    const drawing = figure.querySelector("svg, .chart");
    if (drawing) drawing.replaceWith(box);
    else figure.prepend(box);
    charts.views.push(view);
    legend(view);
    listen(view);
    charts.draw(view);
    view.observer = new ResizeObserver(function () {
      if (Math.abs(box.clientWidth - view.width) > 1) charts.draw(view);
    });
    view.observer.observe(box);
  }

  charts.draw = function (view, width) {
    const room = width || view.box.clientWidth;
    if (!room) return;  // in a part of the page that is not shown
    const was = view.current;
    view.width = room;
    view.svg.replaceChildren();
    view.marks = [];
    const height = view.kind.draw(Math.max(240, room));
    view.svg.setAttribute("viewBox", "0 0 " + Math.max(240, room) + " " + height);
    view.svg.setAttribute("font-size", charts.SIZE);
    view.height = height;
    view.over = svg("g", { "class": "chart-over", "pointer-events": "none" }, view.svg);
    view.reset.hidden = !(view.zoom.x || view.zoom.y);
    view.current = null;
    if (!view.tip.hidden) {
      show(view, was && view.marks.find(function (one) { return same(one, was); }) || null, "");
    }
  };
  // Whether two drawings of a chart have this mark for the same thing.
  function same(a, b) {
    return a.point ? a.point === b.point : a.one ? a.one === b.one : a.r === b.r && a.c === b.c;
  }

  // What the reader points at: a ring or a frame, the values in a box, and the shared cursor.
  function show(view, mark, how) {
    if (!view.over) return;  // not drawn yet
    view.current = mark;
    view.over.replaceChildren();
    charts.peers(view).forEach(function (one) {
      if (view.chart.cursor && one.kind.cross && one.over) {
        one.over.replaceChildren();
        if (mark) one.kind.cross(mark.place, one === view);
      }
    });
    view.tip.hidden = !mark;
    if (!mark) { view.live.textContent = ""; return; }
    if (mark.w) {
      svg("rect", { x: mark.x - mark.w / 2, y: mark.y - mark.h / 2, width: mark.w, height: mark.h,
        fill: "none", stroke: "var(--ink)", "stroke-width": 2.5 }, view.over);
    } else {
      svg("circle", { cx: mark.x, cy: mark.y, r: 8, fill: "none", stroke: "var(--ink)",
        "stroke-width": 1.5 }, view.over);
    }
    view.tip.replaceChildren();
    const title = element("div", "chart-tip-title");
    if (mark.series) {
      charts.swatch(svg("svg", { width: 24, height: 12, "aria-hidden": true }, title),
        mark.series, 0, 6);
    }
    title.append(mark.title);
    view.tip.append(title);
    mark.lines.forEach(function (line) {
      if (!line[0]) return;
      const row = element("div", "", line[0]);
      if (line[1]) row.title = line[1];
      view.tip.append(row);
    });
    if (mark.href) {
      const link = element("a", "", how === "touch" ? "Open the replies" :
        (how === "keys" ? "Enter" : "Click") + " opens the replies");
      link.href = mark.href;
      link.tabIndex = -1;
      view.tip.append(link);
    }
    view.tip.classList.toggle("touch", how === "touch");
    place(view, mark);
    if (how === "keys") {
      view.live.textContent = [mark.title].concat(mark.lines.map(function (line) {
        return line[0];
      })).filter(Boolean).join(", ") + (mark.href ? ". Enter opens the replies." : "");
    }
  }
  function place(view, mark) {
    const box = view.box.getBoundingClientRect();
    const area = view.svg.getBoundingClientRect();
    const factor = area.width / Math.max(240, view.width);
    const x = area.left - box.left + mark.x * factor;
    const y = area.top - box.top + mark.y * factor;
    const width = view.tip.offsetWidth, height = view.tip.offsetHeight;
    const right = x + 14 + width <= box.width;
    view.tip.style.left = Math.max(0, Math.min(right ? x + 14 : x - 14 - width,
      box.width - width)) + "px";
    // Beside the mark; where neither side has room, above or below it.
    const narrow = !right && x - 14 < width;
    view.tip.style.top = (narrow ? (y - height - 14 > 0 ? y - height - 14 : y + 14) :
      Math.max(0, y - height / 2)) + "px";
  }
  function nearest(view, x, y) {
    let best = null, least = REACH;
    view.marks.forEach(function (mark) {
      const inside = mark.w !== undefined;
      const dx = Math.abs(mark.x - x) - (inside ? mark.w / 2 : 0);
      const dy = Math.abs(mark.y - y) - (inside ? mark.h / 2 : 0);
      const far = inside ? (dx <= 0 && dy <= 0 ? 0 : REACH) : Math.hypot(dx, dy);
      if (far < least) { least = far; best = mark; }
    });
    return { mark: best, far: least };
  }
  function open(mark) { if (mark && mark.href) location.href = mark.href; }
  function unzoom(view) {
    view.zoom = {};
    charts.draw(view);
  }

  function listen(view) {
    const drawing = view.svg;
    let start = null, touch = false, frame = null;
    function at(event) {
      const area = drawing.getBoundingClientRect();
      const factor = Math.max(240, view.width) / area.width;
      return [(event.clientX - area.left) * factor, (event.clientY - area.top) * factor];
    }
    drawing.addEventListener("pointerdown", function (event) {
      touch = event.pointerType === "touch";
      if (touch || event.button !== 0 || !view.kind.zoom) return;
      start = at(event);
      drawing.setPointerCapture(event.pointerId);
    });
    drawing.addEventListener("pointermove", function (event) {
      if (event.pointerType === "touch") return;
      const end = at(event);
      if (start && Math.hypot(end[0] - start[0], end[1] - start[1]) > 4) {
        if (!frame) show(view, null, "");
        frame = view.kind.zoom(start, end);
        view.over.replaceChildren();
        svg("rect", { x: frame.x, y: frame.y, width: frame.w, height: frame.h,
          fill: "var(--model)", "fill-opacity": 0.15, stroke: "var(--model)" }, view.over);
        return;
      }
      const found = nearest(view, end[0], end[1]);
      if (found.mark !== view.current) show(view, found.mark, "mouse");
      drawing.style.cursor = found.mark && found.mark.href && found.far < HIT ? "pointer" : "";
    });
    drawing.addEventListener("pointerup", function () {
      if (frame) {
        view.zoom = frame.zoom;
        charts.draw(view);
      }
      start = null;
    });
    drawing.addEventListener("pointercancel", function () { start = frame = null; });
    drawing.addEventListener("pointerleave", function (event) {
      if (event.pointerType !== "touch" && document.activeElement !== drawing) {
        show(view, null, "");
      }
    });
    drawing.addEventListener("click", function (event) {
      if (frame) { frame = null; return; }  // the end of a brush
      const end = at(event);
      const found = nearest(view, end[0], end[1]);
      if (touch) show(view, found.mark, "touch");
      else if (found.far < HIT) open(found.mark);
    });
    drawing.addEventListener("dblclick", function () { unzoom(view); });
    drawing.addEventListener("blur", function (event) {
      if (!view.tip.contains(event.relatedTarget)) show(view, null, "");
    });
    drawing.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key;
      if (key === "Escape") {
        if (view.current) show(view, null, "");
        else unzoom(view);
      } else if (key === "Enter") {
        open(view.current);
      } else if ((key === "+" || key === "-") && view.kind.nearer) {
        view.kind.nearer(key === "+" ? 0.5 : 2);
        charts.draw(view);
      } else if (/^(Arrow|Home$|End$)/.test(key) && view.marks.length) {
        const next = view.current ? view.kind.move(view.current, key) : view.marks[0];
        show(view, next || view.current, "keys");
      } else {
        return;
      }
      event.preventDefault();
    });
  }

  // The legend: a button switches its series; with Shift or a double click it alone is left.
  function legend(view) {
    const entries = view.entries || [];
    view.legend.replaceChildren();
    if (entries.length < 2) return;
    view.legend.setAttribute("role", "group");
    view.legend.setAttribute("aria-label", "Series shown");
    function change(act) {
      act();
      if (entries.every(function (one) { return view.hidden.has(one.key); })) view.hidden.clear();
      charts.peers(view).forEach(function (one) { press(one); charts.draw(one); });
    }
    function alone(key) {
      const others = entries.filter(function (one) { return one.key !== key; });
      const already = others.every(function (one) { return view.hidden.has(one.key); });
      view.hidden.delete(key);
      others.forEach(function (one) {
        if (already) view.hidden.delete(one.key);
        else view.hidden.add(one.key);
      });
    }
    entries.forEach(function (entry) {
      const node = charts.button(view.legend, "", undefined, function (event) {
        change(function () {
          if (event.shiftKey) alone(entry.key);
          else if (!view.hidden.delete(entry.key)) view.hidden.add(entry.key);
        });
      });
      node.addEventListener("dblclick", function (event) {
        if (!event.shiftKey) change(function () { alone(entry.key); });
      });
      const light = function (on) {
        view.svg.classList.toggle("lit", on);
        view.svg.querySelectorAll("[data-series]").forEach(function (one) {
          one.classList.toggle("lit", on && one.dataset.series === entry.key);
        });
      };
      node.addEventListener("pointerenter", function () { light(true); });
      node.addEventListener("pointerleave", function () { light(false); });
      node.title = "Shift or double click: only this one";
      charts.swatch(svg("svg", { width: 24, height: 14, "aria-hidden": true }, node), entry, 0, 7);
      node.append(element("span", "", entry.name));
    });
    press(view);
  }
  function press(view) {
    view.legend.querySelectorAll("button").forEach(function (node, i) {
      node.setAttribute("aria-pressed", !view.hidden.has(view.entries[i].key));
    });
  }

  // Draws a chart in a figure, in place of what it has: its static drawing or another chart.
  sfr.drawChart = function (figure, chart) {
    const at = charts.views.findIndex(function (one) { return one.figure === figure; });
    if (at >= 0) charts.views.splice(at, 1)[0].observer.disconnect();
    build(figure, chart);
  };

  // The address of the replies behind a mark, if there are any.
  charts.replies = function (view, filter) {
    const box = view.figure.closest("[data-replies]");
    return box && filter && Object.keys(filter).length ?
      sfr.repliesAddress(box.dataset.replies, filter) : "";
  };

  document.addEventListener("DOMContentLoaded", function () {
    const waiting = new Set(document.querySelectorAll("figure[data-chart]"));
    function start(figure) {
      if (!waiting.delete(figure)) return;
      watcher.unobserve(figure);
      const data = figure.querySelector("script[type='application/json']");
      sfr.drawChart(figure, JSON.parse(data.textContent));
    }
    const watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (one) { if (one.isIntersecting) start(one.target); });
    }, { rootMargin: "300px" });
    waiting.forEach(function (figure) { watcher.observe(figure); });
    window.addEventListener("beforeprint", function () {
      waiting.forEach(start);
      charts.views.forEach(function (view) {
        show(view, null, "");
        charts.draw(view, PAPER[view.box.clientWidth > 560 ? 1 : 0]);
      });
    });
    window.addEventListener("afterprint", function () {
      charts.views.forEach(function (view) { charts.draw(view); });
    });
  });
})();
