// The map of replies: their embeddings in two dimensions, by persona, temperature, run or status.
(function () {
  "use strict";
  var element = window.sfr.element;
  var SVG = "http://www.w3.org/2000/svg";
  var COLOURS = 6;  // in page.css
  var NEAR = 28;  // pixels within which a point is pointed at
  var MARGIN = 14;
  var SHAPES = [  // after so many colours the shape changes
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", "M-3.6,-3.6h7.2v7.2h-7.2z", "M0,-4.6L4.6,3.8H-4.6z",
    "M0,-5L5,0L0,5L-5,0z", "M0,4.6L4.6,-3.8H-4.6z", "M-4,-1.3h2.7v-2.7h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7z"
  ];
  var MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function drawing(name, attributes) {
    var node = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (key) { node.setAttribute(key, attributes[key]); });
    return node;
  }
  // Colours of ordered classes lie between two, the lowest first.
  function paint(node, number, of) {
    if (of === undefined) {
      node.classList.add("run-" + number % COLOURS);
      return;
    }
    var part = of > 1 ? Math.round(100 * number / (of - 1)) : 0;
    node.style.setProperty("--tone",
      "color-mix(in oklab, var(--run-1) " + part + "%, var(--run-0))");
  }

  // `points` have x, y, class (an index into classes.names) and `about`, a function that says what
  // they are; `open` is called with the point that is chosen. `classes.ordered`: they are numbers.
  window.sfr.replyMap = function (points, classes, note, open) {
    var box = element("div", "map");
    var canvas = element("div", "canvas");
    var tip = element("div", "tip");
    var legend = element("div", "legend");
    legend.setAttribute("role", "group");
    legend.setAttribute("aria-label", "Classes on the map");
    tip.hidden = true;
    tip.setAttribute("role", "status");
    var hidden = new Set();
    var place = null;  // of a point in the drawing
    var at = -1;  // the point that is pointed at
    var svg, ring;

    function isShown(point) { return !hidden.has(point.class); }
    function layout() {
      var width = Math.max(240, canvas.clientWidth || 640);
      var height = Math.min(Math.round(width * 0.75), 520);
      var xs = points.map(function (point) { return point.x; });
      var ys = points.map(function (point) { return point.y; });
      var middle = function (values) {
        return (Math.min.apply(null, values) + Math.max.apply(null, values)) / 2;
      };
      var span = function (values) {
        return Math.max.apply(null, values) - Math.min.apply(null, values) || 1e-6;
      };
      // Distances mean something, so both axes have one scale.
      var scale = Math.min((width - 2 * MARGIN) / span(xs), (height - 2 * MARGIN) / span(ys));
      var x = middle(xs);
      var y = middle(ys);
      place = function (point) {
        return [width / 2 + scale * (point.x - x), height / 2 - scale * (point.y - y)];
      };
      return [width, height];
    }
    function draw() {
      if (!points.length) return;
      var size = layout();
      svg = drawing("svg", {
        viewBox: "0 0 " + size.join(" "), width: size[0], height: size[1], tabindex: 0,
        role: "application", "aria-label": "Map of " + points.length + " replies. Arrow keys go " +
          "from reply to reply, Enter opens one."
      });
      points.forEach(function (point) {
        if (!isShown(point)) return;
        var own = place(point);
        var node = drawing("path", {
          d: SHAPES[classes.ordered ? 0 : Math.floor(point.class / COLOURS) % SHAPES.length],
          transform: "translate(" + own[0].toFixed(1) + "," + own[1].toFixed(1) + ")",
          class: "dot"
        });
        paint(node, point.class, classes.ordered ? classes.names.length : undefined);
        svg.append(node);
      });
      ring = drawing("circle", { r: 8, class: "ring", visibility: "hidden" });
      svg.append(ring);
      canvas.replaceChildren(svg, tip);
      svg.addEventListener("pointermove", point);
      svg.addEventListener("pointerdown", point);
      svg.addEventListener("pointerleave", function () {
        if (document.activeElement !== svg) leave();
      });
      svg.addEventListener("click", function (event) {
        var near = nearest(local(event));
        if (near >= 0) open(points[near]);
      });
      svg.addEventListener("keydown", key);
      svg.addEventListener("blur", leave);
    }
    function local(event) {
      var frame = svg.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    }
    function nearest(to) {
      var best = -1;
      var least = NEAR;
      points.forEach(function (point, number) {
        if (!isShown(point)) return;
        var own = place(point);
        var far = Math.hypot(own[0] - to[0], own[1] - to[1]);
        if (far < least) { least = far; best = number; }
      });
      return best;
    }
    function point(event) { go(nearest(local(event))); }
    function leave() { go(-1); }
    function go(number) {
      at = number;
      tip.hidden = at < 0;
      ring.setAttribute("visibility", at < 0 ? "hidden" : "visible");
      if (at < 0) return;
      var own = place(points[at]);
      ring.setAttribute("cx", own[0]);
      ring.setAttribute("cy", own[1]);
      tip.textContent = points[at].about();
      tip.dir = "auto";
      // On the side with more room.
      var width = svg.clientWidth || canvas.clientWidth;
      var right = own[0] > width / 2;
      tip.style.left = right ? "auto" : own[0] + 12 + "px";
      tip.style.right = right ? canvas.clientWidth - own[0] + 12 + "px" : "auto";
      tip.style.top = own[1] + 8 + "px";
    }
    // The nearest point in the direction of an arrow key; what lies aside counts as twice as far.
    function step(move) {
      var from = at < 0 ? [0, 0] : place(points[at]);
      var best = at;
      var least = Infinity;
      points.forEach(function (point, number) {
        if (number === at || !isShown(point)) return;
        var own = place(point);
        var along = (own[0] - from[0]) * move[0] + (own[1] - from[1]) * move[1];
        var aside = Math.abs((own[0] - from[0]) * move[1]) + Math.abs((own[1] - from[1]) * move[0]);
        // Points on one another are gone through in their order.
        var same = along === 0 && aside === 0 && (number > at) === (move[0] + move[1] > 0);
        if (!same && along <= aside / 2) return;
        var far = same ? Math.abs(number - at) * 1e-6 : along + 2 * aside;
        if (far < least) { least = far; best = number; }
      });
      go(best);
    }
    function first() { return points.findIndex(isShown); }
    function key(event) {
      if (MOVES[event.key]) {
        if (at < 0) go(first());
        else step(MOVES[event.key]);
      } else if (event.key === "Home") go(first());
      else if (event.key === "Escape") leave();
      else if ((event.key === "Enter" || event.key === " ") && at >= 0) open(points[at]);
      else return;
      event.preventDefault();
    }
    classes.names.forEach(function (name, number) {
      var button = element("button", "class");
      button.type = "button";
      var sample = drawing("svg", { viewBox: "-6 -6 12 12", width: 14, height: 14,
        "aria-hidden": "true" });
      var dot = drawing("path", {
        d: SHAPES[classes.ordered ? 0 : Math.floor(number / COLOURS) % SHAPES.length], class: "dot"
      });
      paint(dot, number, classes.ordered ? classes.names.length : undefined);
      sample.append(dot);
      button.append(sample, name);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", function () {
        if (hidden.has(number)) hidden.delete(number);
        else hidden.add(number);
        button.setAttribute("aria-pressed", String(!hidden.has(number)));
        at = -1;
        draw();
      });
      if (classes.names.length > 1) legend.append(button);
    });
    box.append(legend, canvas, element("p", "quiet", note));
    if (window.ResizeObserver) {
      var width = 0;
      new ResizeObserver(function () {
        if (canvas.clientWidth !== width && canvas.clientWidth) {
          width = canvas.clientWidth;
          draw();
        }
      }).observe(canvas);
    }
    requestAnimationFrame(function () { if (!svg) draw(); });
    return box;
  };
})();
