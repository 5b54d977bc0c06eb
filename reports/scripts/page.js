// Of every page: what scripts share (window.sfr), the theme, the contents, boxes of which one is
// seen at a time, and what print needs.
(function () {
  "use strict";
  // What the other scripts use. An element, its class and its text:
  var sfr = window.sfr = {};
  sfr.element = function (name, className, text) {
    var node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  // The classes of a run's look: six colours, then the same with another edge (compare.css).
  sfr.lookOf = function (number) {
    var turn = Math.floor(number / 6) % 4;
    return "run-" + number % 6 + (turn ? " turn-" + turn : "");
  };
  // The address of the replies behind a number; `box` is the id of a reply browser.
  sfr.repliesAddress = function (box, filter) {
    return "#" + box + "?" + new URLSearchParams(filter);
  };
  // Copies a text; the promise tells whether it worked. A page from disk may have no clipboard.
  sfr.copy = function (text) {
    function byHand() {
      var area = sfr.element("textarea");
      area.value = text;
      area.setAttribute("aria-hidden", "true");
      area.style.cssText = "position:fixed;top:0;left:0;opacity:0";
      var focus = document.activeElement;
      document.body.append(area);
      area.select();
      var done = document.execCommand("copy");
      area.remove();
      if (focus) focus.focus({ preventScroll: true });
      return done;
    }
    if (!navigator.clipboard) return Promise.resolve(byHand());
    return navigator.clipboard.writeText(text).then(function () { return true; }, byHand);
  };
  // Opens everything that is folded around an element.
  sfr.unfold = function (node) {
    for (var box = node; box; box = box.parentElement) {
      if (box.tagName === "DETAILS") box.open = true;
    }
  };
  var root = document.documentElement;
  var KEY = "sfr-eval-theme";
  function remembered() {
    // A browser may forbid storage to a file; then the choice lasts as long as the page.
    try { return localStorage.getItem(KEY) || ""; } catch (error) { return ""; }
  }
  function remember(theme) {
    try { localStorage.setItem(KEY, theme); } catch (error) { /* as above */ }
  }
  function paint(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  }
  function themes() {
    var select = document.querySelector("select.choose-theme");
    select.value = root.dataset.theme || "";
    select.closest(".control").hidden = false;
    select.addEventListener("change", function () {
      paint(select.value);
      remember(select.value);
    });
  }
  function cases() {
    document.querySelectorAll("select.choose-case").forEach(function (select) {
      var boxes = select.closest(".cases").querySelectorAll("[data-case]");
      function show() {
        boxes.forEach(function (box) {
          box.hidden = box.dataset.case !== select.value;
          var whole = box.parentElement;  // with its tools, see tables.js
          if (whole.classList.contains("table")) whole.parentElement.hidden = box.hidden;
        });
      }
      select.closest(".control").hidden = false;
      select.addEventListener("change", show);
      show();
    });
  }
  function copies() {
    document.querySelectorAll("button[data-copy]").forEach(function (button) {
      var name = button.textContent;
      button.hidden = false;
      button.addEventListener("click", function () {
        sfr.copy(button.dataset.copy).then(function (done) {
          button.textContent = done ? "Copied" : "Not allowed";
          setTimeout(function () { button.textContent = name; }, 1500);
        });
      });
    });
  }
  // A link may lead into something folded; an address may go on behind the id with "?".
  function follow() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1).split("?")[0]));
    if (!target || target.id === "top") return;
    sfr.unfold(target);
    target.scrollIntoView();
  }
  function contents() {
    var links = [...document.querySelectorAll("nav.contents a")];
    if (!links.length) return;
    var targets = links.map(function (link) { return document.getElementById(link.hash.slice(1)); });
    var now = null;
    function mark() {
      var reading = 0;
      targets.forEach(function (target, i) {
        if (target && target.getBoundingClientRect().top < innerHeight / 3) reading = i;
      });
      if (scrollY + innerHeight >= root.scrollHeight - 2) reading = links.length - 1;
      if (links[reading] === now) return;
      if (now) now.removeAttribute("aria-current");
      now = links[reading];
      now.setAttribute("aria-current", "location");
      var bar = now.closest("nav");
      bar.scrollLeft = now.offsetLeft - (bar.clientWidth - now.offsetWidth) / 2;
    }
    var asked = false;
    addEventListener("scroll", function () {
      if (asked) return;
      asked = true;
      requestAnimationFrame(function () { asked = false; mark(); });
    }, { passive: true });
    mark();
  }
  paint(remembered());
  document.addEventListener("DOMContentLoaded", function () {
    themes();
    cases();
    copies();
    contents();
    addEventListener("hashchange", follow);
    document.addEventListener("click", function (event) {  // the same address again
      var link = event.target.closest("a[href^='#']");
      if (link && link.getAttribute("href") === location.hash) follow();
    });
    follow();
    addEventListener("beforeprint", function () {
      document.querySelectorAll("details:not(.menu, .chart-menu)").forEach(function (box) { box.open = true; });
    });
    root.dataset.ready = "yes";
  });
})();
