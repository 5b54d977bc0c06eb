// The reply browser: filters, orders and views of replies; the address holds what is shown.
(function () {
  "use strict";
  var PAGE = 12;
  var element = window.sfr.element;
  var text = window.sfr.text;
  var KEYS = ["query", "persona", "temperature", "status", "run", "text", "regex", "beside",
    "sort", "view", "colour", "reply"];
  var PLACE = ["query", "persona", "temperature"];
  var SAFE = /^[\w.:+-]+$/;  // an id that may stand in a command: an address may come from anybody

  // Fills in what the JSON leaves out, and what is searched.
  function complete(data) {
    data.prompts.forEach(function (prompt, number) {
      prompt.key = Math.floor(number / data.runs.length);
      var texts = {};
      prompt.replies.forEach(function (reply, at) {
        reply.n = reply.n || at + 1;
        reply.status = reply.status || "ok";
        reply.hasText = reply.status === "ok" || reply.status === "truncated";
        if (reply.same) reply.text = texts[reply.same];
        else texts[reply.n] = reply.text;
      });
      prompt.question = data.queries[prompt.query] || prompt.query;
    });
  }
  function start(box) {
    var data = JSON.parse(box.querySelector("script[type='application/json']").textContent);
    complete(data);
    var several = data.runs.length > 1;
    var list = box.querySelector(".prompts");
    var said = box.querySelector(".said");
    var missing = box.querySelector(".elsewhere");
    var more = box.querySelector(".more");
    var back = box.querySelector(".back");
    var controls = {};
    box.querySelectorAll("[data-key]").forEach(function (one) { controls[one.dataset.key] = one; });
    var views = box.querySelectorAll("[data-view]");
    var state = {};
    var limit = PAGE;
    var from = null;  // where the reader was before a link led here
    var byPlace = new Map();
    function place(run, query, persona, temperature) {
      return JSON.stringify([run, query, persona, Number(temperature)]);
    }
    data.prompts.forEach(function (prompt) {
      byPlace.set(place(prompt.run, prompt.query, prompt.persona, prompt.temperature), prompt);
    });
    function value(key) { return state[key] || ""; }
    var browser = {
      box: box, data: data, several: several, value: value, beside: beside, sides: sides,
      isAt: isAt, finder: text.finder("", false), open: open
    };
    var cards = window.sfr.replyCards(browser);
    function beside() { return value("view") === "" && value("run") === "" ? value("beside") : ""; }

    // The prompts of a card: the same one in every run, or one and what it is set beside.
    function sides(prompt) {
      var kind = beside().split(":")[0];
      var to = beside().slice(kind.length + 1);
      if (kind === "") {
        if (value("run") !== "") return [prompt];
        return data.runs.map(function (_, run) {
          return byPlace.get(place(run, prompt.query, prompt.persona, prompt.temperature));
        });
      }
      var persona = kind === "persona" ? to : prompt.persona;
      var temperature = kind === "temperature" ? to : prompt.temperature;
      return [prompt, byPlace.get(place(prompt.run, prompt.query, persona, temperature))];
    }
    function isShown(prompt) {
      if (value("run") !== "") return data.runs[prompt.run] === value("run");
      if (beside() === "") return prompt.run === 0;  // a card shows all runs
      var pair = sides(prompt);
      return pair[1] !== undefined && pair[1] !== prompt;
    }
    function isAt(prompt) {
      return (value("query") === "" || prompt.query === value("query")) &&
        (value("persona") === "" || prompt.persona === value("persona")) &&
        (value("temperature") === "" || prompt.temperature === Number(value("temperature")));
    }
    function hits(prompt) {  // of the text that is looked for; the same reply twice counts twice
      return prompt.replies.reduce(function (sum, reply) {
        return sum + browser.finder.parts(reply.text).length;
      }, browser.finder.parts(prompt.question).length);
    }
    function matches(prompt) {
      var status = value("status");
      var inside = beside() === "" ? sides(prompt) : [prompt];
      return isAt(prompt) &&
        (status === "" || inside.some(function (one) {
          return one.replies.some(function (reply) { return reply.status === status; });
        })) &&
        (value("text").trim() === "" || inside.some(function (one) { return hits(one) > 0; }));
    }
    function sorted(prompts) {
      var order = data.orders[value("sort")];
      if (!order) return prompts;
      var rank = [];
      order.forEach(function (key, number) { rank[key] = number; });
      return prompts.slice().sort(function (a, b) { return rank[a.key] - rank[b.key]; });
    }
    // What the filters say, after "12 prompts".
    function described() {
      var parts = "";
      if (value("persona")) parts += " of " + (data.personas[value("persona")] || value("persona"));
      if (value("temperature")) parts += " at T = " + Number(value("temperature"));
      if (value("query")) {
        parts += " to \u201c" + window.sfr.cut(data.queries[value("query")] || value("query")) + "\u201d";
      }
      if (value("run")) parts += " of " + value("run");
      if (value("status")) parts += " with status " + value("status");
      var order = value("sort") && controls.sort.selectedOptions[0];
      if (order && value("view") !== "map") parts += ", " + order.textContent;
      return parts;
    }
    function searched(prompts) {
      if (value("text").trim() === "") return "";
      var sum = prompts.reduce(function (total, prompt) {
        return total + (beside() === "" ? sides(prompt) : [prompt]).map(hits)
          .reduce(function (a, b) { return a + b; }, 0);
      }, 0);
      return " " + sum + (sum === 1 ? " match" : " matches") + " of \u201c" + window.sfr.cut(browser.finder.wanted) +
        "\u201d.";
    }
    // Where replies that are not in this page can be read.
    function elsewhere(carried) {
      missing.replaceChildren();
      missing.hidden = carried || data.shown === data.total;
      if (missing.hidden) return;
      var rules = PLACE.concat("status").filter(value).filter(function (key) {
        return SAFE.test(value(key));
      }).map(function (key) {
        var to = key === "temperature" ? Number(value(key)) : '"' + value(key) + '"';
        return '(s["' + key + '"] == ' + to + ")";
      });
      if (SAFE.test(data.suite)) rules.unshift('(s["suite"] == "' + data.suite + '")');
      missing.append(data.shown + " of " + data.total +
        " replies are in this page. In the run's folder, this shows the others: ");
      missing.append(element("code", "", "python -c 'import sfr_eval; s = sfr_eval.load(\".\")" +
        ".samples; print(*s" + (rules.length ? "[" + rules.join(" & ") + "]" : "") +
        ".text, sep=\"\\n\\n\")'"));
    }

    function show() {
      browser.finder = text.finder(value("text"), value("regex") === "1");
      var candidates = data.prompts.filter(isShown);
      var shown = sorted(candidates.filter(matches));
      elsewhere(shown.length > 0 || browser.finder.error !== "");
      if (browser.finder.error) {
        said.textContent = "Not a regular expression: " + browser.finder.error;
        list.replaceChildren();
        more.hidden = true;
        return;
      }
      var view = value("view");
      if (view === "map") {
        var map = cards.map(shown);
        list.replaceChildren.apply(list, map.nodes);
        more.hidden = true;
        said.textContent = !map.count ? "No reply on the map matches." :
          map.count + (map.count === 1 ? " reply" : " replies") + " on the map" + described() + ".";
        return;
      }
      var units = view === "glance" ? cards.groups(shown) : shown;
      var draw = view === "glance" ? cards.glance : cards.card;
      more.hidden = units.length <= limit;
      list.replaceChildren.apply(list, units.slice(0, limit).map(draw));
      var noun = beside() ? " pairs" : view === "glance" && !several ? " questions" : " prompts";
      said.textContent = shown.length === 0 ? (candidates.some(isAt) || beside() ?
        "No prompt in this page matches" + (beside() ? " on both sides." : ".") :
        "This page has no replies" + described() + ".") :
        "Showing " + Math.min(limit, units.length) + " of " + units.length + noun + described() +
        "." + searched(shown);
    }

    // Controls show the state; a value that this page does not have is shown as what it is.
    function fill() {
      Object.keys(controls).forEach(function (key) {
        var control = controls[key];
        if (control.type === "checkbox") control.checked = value(key) === "1";
        else if (control.tagName === "SELECT") {
          var option = Array.from(control.options).find(function (one) {
            return one.value === value(key) || (key === "temperature" && value(key) !== "" &&
              one.value !== "" && Number(one.value) === Number(value(key)));
          });
          if (!option) {
            option = element("option", "", value(key));
            option.value = value(key);
            control.append(option);
          }
          control.value = option.value;
        } else control.value = value(key);
      });
      views.forEach(function (button) {
        button.setAttribute("aria-pressed", String(button.dataset.view === value("view")));
      });
      box.querySelectorAll("[data-only]").forEach(function (one) {
        one.hidden = one.dataset.only !== value("view");
      });
    }
    function remember() {
      var filter = {};
      KEYS.forEach(function (key) { if (value(key)) filter[key] = value(key); });
      var hash = Object.keys(filter).length ? window.sfr.repliesAddress(box.id, filter) :
        "#" + box.id;
      try { history.replaceState(null, "", hash); } catch (error) { /* a page that may not */ }
    }
    function recall() {
      if (location.hash.split("?")[0] !== "#" + box.id) return false;
      state = {};
      new URLSearchParams(location.hash.split("?")[1] || "").forEach(function (to, key) {
        if (KEYS.indexOf(key) >= 0) state[key] = to;
      });
      if (state.view && !box.querySelector("[data-view='" + CSS.escape(state.view) + "']")) {
        delete state.view;  // a page without a map
      }
      limit = PAGE;
      return true;
    }
    function goThere() {
      for (var node = box; node; node = node.parentElement) {
        if (node.tagName === "DETAILS") node.open = true;
      }
      var target = box.querySelector("li.target");
      if (target) target.scrollIntoView({ block: "center" });
      else box.scrollIntoView();
    }
    // A link led here: remember from where, show what it asks for and go there.
    function arrive() {
      var here = { y: window.scrollY, node: document.activeElement, hash: "" };
      if (!recall()) return;
      if (!from && here.y < box.getBoundingClientRect().top + window.scrollY - 5) from = here;
      back.hidden = !from;
      fill();
      show();
      goThere();
    }
    function open(point) {
      from = { y: window.scrollY, node: null, hash: location.hash };
      location.hash = point.address;
    }
    function restart() { limit = PAGE; fill(); show(); remember(); }
    Object.keys(controls).forEach(function (key) {
      var control = controls[key];
      control.addEventListener(key === "text" ? "input" : "change", function () {
        state[key] = control.type === "checkbox" ? (control.checked ? "1" : "") : control.value;
        delete state.reply;
        restart();
      });
    });
    views.forEach(function (button) {
      button.addEventListener("click", function () {
        state.view = button.dataset.view;
        delete state.reply;
        restart();
      });
    });
    back.addEventListener("click", function () {
      var to = from;
      from = null;
      back.hidden = true;
      if (to.hash) { location.hash = to.hash; return; }
      window.scrollTo(0, to.y);
      if (to.node && to.node.focus) to.node.focus({ preventScroll: true });
    });
    more.addEventListener("click", function () {
      var first = limit;
      limit += PAGE;
      show();
      var next = list.children[first];  // the keyboard goes on where the new ones begin
      if (next) { next.tabIndex = -1; next.focus(); }
    });
    box.addEventListener("click", function (event) {
      var anchor = event.target.closest("a.link");
      if (anchor && navigator.clipboard) {
        navigator.clipboard.writeText(anchor.href).catch(function () { /* it is in the address */ });
      }
    });
    document.addEventListener("click", function (event) {  // the same link again changes no hash
      var anchor = event.target.closest && event.target.closest("a[href^='#" + box.id + "']");
      if (anchor && anchor.getAttribute("href") === location.hash) arrive();
    });
    window.addEventListener("hashchange", arrive);
    box.hidden = false;
    var isAsked = recall();
    fill();
    show();
    if (isAsked) goThere();
  }
  document.querySelectorAll(".browser").forEach(start);
})();
