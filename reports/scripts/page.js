// Of every page: what scripts share (window.sfr), the theme, boxes of which one is seen at a time, and what print needs.
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
  // The address of the replies behind a number; `box` is the id of a reply browser.
  sfr.repliesAddress = function (box, filter) {
    return "#" + box + "?" + new URLSearchParams(filter);
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
        boxes.forEach(function (box) { box.hidden = box.dataset.case !== select.value; });
      }
      select.closest(".control").hidden = false;
      select.addEventListener("change", show);
      show();
    });
  }
  paint(remembered());
  document.addEventListener("DOMContentLoaded", function () {
    themes();
    cases();
    window.addEventListener("beforeprint", function () {
      document.querySelectorAll("details").forEach(function (box) { box.open = true; });
    });
    root.dataset.ready = "yes";
  });
})();
