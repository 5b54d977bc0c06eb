// The reply browser: filters, sides with their shared n-grams marked, the filter in the address.
(function () {
  "use strict";
  var PAGE = 12;
  var COLOURS = 6;  // of runs, in page.css
  var N = 4;  // words of an n-gram that is marked, as in self-BLEU-4
  function element(name, className, text) {
    var node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function words(text) {
    var list = [];
    var pattern = /[\p{L}\p{N}]+(?:['\u2019][\p{L}\p{N}]+)*/gu;
    var match;
    while ((match = pattern.exec(text)) !== null) {
      list.push({ word: match[0].toLowerCase(), start: match.index, end: pattern.lastIndex });
    }
    return list;
  }
  function hasText(reply) { return reply.status === "ok" || reply.status === "truncated"; }
  function gram(list, start) {
    return list.slice(start, start + N).map(function (one) { return one.word; }).join(" ");
  }
  function grams(replies) {
    var set = new Set();
    replies.filter(hasText).forEach(function (reply) {
      var list = words(reply.text);
      for (var i = 0; i + N <= list.length; i += 1) set.add(gram(list, i));
    });
    return set;
  }
  // Appends `text` to `parent`, with every word marked that is part of one of the `shared` n-grams.
  function mark(parent, text, shared, count) {
    var list = words(text);
    var hit = list.map(function () { return false; });
    for (var i = 0; i + N <= list.length; i += 1) {
      if (shared.has(gram(list, i))) for (var j = i; j < i + N; j += 1) hit[j] = true;
    }
    var place = 0;
    for (var k = 0; k < list.length; k += 1) {
      if (!hit[k]) continue;
      var last = k;
      while (last + 1 < list.length && hit[last + 1]) last += 1;
      parent.append(text.slice(place, list[k].start));
      parent.append(element("mark", "", text.slice(list[k].start, list[last].end)));
      place = list[last].end;
      k = last;
    }
    parent.append(text.slice(place));
    count.all += list.length;
    count.marked += hit.filter(Boolean).length;
  }

  function start(box) {
    var data = JSON.parse(box.querySelector("script[type='application/json']").textContent);
    var several = data.runs.length > 1;
    var list = box.querySelector(".prompts");
    var said = box.querySelector(".said");
    var more = box.querySelector(".more");
    var controls = {};
    box.querySelectorAll("[data-key]").forEach(function (one) { controls[one.dataset.key] = one; });
    var limit = PAGE;
    var byPlace = new Map();
    function place(run, query, persona, temperature) {
      return JSON.stringify([run, query, persona, temperature]);
    }
    data.prompts.forEach(function (prompt) {
      var texts = prompt.replies.map(function (reply) { return reply.text; });
      var head = [prompt.query, data.queries[prompt.query], data.personas[prompt.persona]];
      prompt.all = head.concat(texts).join("\n").toLowerCase();
      byPlace.set(place(prompt.run, prompt.query, prompt.persona, prompt.temperature), prompt);
    });
    function value(key) { return controls[key] ? controls[key].value : ""; }

    // The prompts of a card: the same one in every run, or one and what it is set beside.
    function sides(prompt) {
      var beside = value("beside");
      var kind = beside.split(":")[0];
      var to = beside.slice(kind.length + 1);
      if (kind === "") {
        return data.runs.map(function (_, run) {
          return byPlace.get(place(run, prompt.query, prompt.persona, prompt.temperature));
        });
      }
      var persona = kind === "persona" ? to : prompt.persona;
      var temperature = kind === "temperature" ? Number(to) : prompt.temperature;
      return [prompt, byPlace.get(place(prompt.run, prompt.query, persona, temperature))];
    }
    function isShown(prompt) {
      if (value("beside") === "") return prompt.run === 0;  // a card shows all runs
      var pair = sides(prompt);
      return pair[1] !== undefined && pair[1] !== prompt;
    }
    function matches(prompt) {
      var wanted = value("text").trim().toLowerCase();
      var status = value("status");
      var inside = value("beside") === "" ? sides(prompt) : [prompt];
      return (value("query") === "" || prompt.query === value("query")) &&
        (value("persona") === "" || prompt.persona === value("persona")) &&
        (value("temperature") === "" || prompt.temperature === Number(value("temperature"))) &&
        (status === "" || inside.some(function (one) {
          return one.replies.some(function (reply) { return reply.status === status; });
        })) &&
        (wanted === "" || inside.some(function (one) { return one.all.indexOf(wanted) >= 0; }));
    }
    function joined(parts) { return parts.filter(Boolean).join(" \u00b7 "); }
    function about(prompt) {
      return [data.personas[prompt.persona] || prompt.persona, "T = " + prompt.temperature];
    }
    function replies(prompt, shared, count) {
      var status = value("status");
      var items = element("ol");
      prompt.replies.forEach(function (reply, number) {
        if (status !== "" && reply.status !== status) return;
        var row = element("li");
        row.value = number + 1;
        if (reply.status !== "ok") row.append(element("span", "mark", reply.status));
        if (reply.same) row.append(element("span", "mark", "same as " + reply.same));
        var text = element("span", reply.same ? "text repeated" : "text");
        if (!reply.text.trim()) text.textContent = "(empty)";
        else if (shared && hasText(reply)) mark(text, reply.text, shared, count);
        else text.textContent = reply.text;
        row.append(text);
        items.append(row);
      });
      return items;
    }
    function side(prompt, others) {
      var part = element("div", several ? "side run-" + prompt.run % COLOURS : "side");
      var count = { all: 0, marked: 0 };
      var shared = grams([].concat.apply([], others.map(function (one) { return one.replies; })));
      var texts = replies(prompt, shared, count);
      var share = count.all ? Math.round(100 * count.marked / count.all) : 0;
      var run = several ? data.runs[prompt.run] : "";
      part.append(element("h5", "", joined(value("beside") ? [run].concat(about(prompt)) : [run])));
      part.append(element("p", "quiet", share + " % of the words are in shared sequences of " + N +
        " (marked)."));
      part.append(texts);
      return part;
    }
    function card(prompt) {
      var article = element("article", "prompt");
      var title = element("h4");
      title.append(element("span", "text", data.queries[prompt.query] || prompt.query));
      article.append(title);
      var prompts = sides(prompt);
      var id = data.queries[prompt.query] ? prompt.query : "";
      if (!value("beside")) {
        article.append(element("p", "quiet", joined(about(prompt).concat(id))));
      }
      if (prompts.length > 1) {
        var columns = element("div", "sides");
        prompts.forEach(function (one, number) {
          // The first run is set against all others, every other one against the first.
          var others = number === 0 ? prompts.slice(1) : prompts.slice(0, 1);
          columns.append(side(one, others));
        });
        article.append(columns);
      } else {
        article.append(replies(prompt, null, null));
      }
      var most = prompts.reduce(function (a, b) { return b.total > a.total ? b : a; });
      if (most.total > most.replies.length) {
        article.append(element("p", "quiet",
          "The first " + most.replies.length + " of " + most.total + " replies."));
      }
      return article;
    }
    function show() {
      var shown = data.prompts.filter(isShown).filter(matches);
      list.replaceChildren.apply(list, shown.slice(0, limit).map(card));
      said.textContent = shown.length === 0 ?
        "No prompt in this page matches" + (value("beside") ? " on both sides." : ".") :
        "Showing " + Math.min(limit, shown.length) + " of " + shown.length +
        (value("beside") ? " pairs." : " prompts.");
      more.hidden = shown.length <= limit;
    }

    // The address holds the filter, so that a link can be sent: #replies-1?persona=pirate
    function remember() {
      var state = new URLSearchParams();
      Object.keys(controls).forEach(function (key) { if (value(key)) state.set(key, value(key)); });
      var hash = "#" + box.id + (state.toString() ? "?" + state : "");
      try { history.replaceState(null, "", hash); } catch (error) { /* a page that may not */ }
    }
    function recall() {
      if (location.hash.split("?")[0] !== "#" + box.id) return;
      new URLSearchParams(location.hash.split("?")[1] || "").forEach(function (to, key) {
        if (controls[key]) controls[key].value = to;
        if (controls[key] && controls[key].selectedIndex === -1) controls[key].value = "";
      });
      box.hidden = false;
      box.scrollIntoView();
    }
    function restart() { limit = PAGE; show(); remember(); }
    Object.keys(controls).forEach(function (key) {
      controls[key].addEventListener(key === "text" ? "input" : "change", restart);
    });
    more.addEventListener("click", function () {
      var first = limit;
      limit += PAGE;
      show();
      var next = list.children[first];  // the keyboard goes on where the new ones begin
      if (next) { next.tabIndex = -1; next.focus(); }
    });
    window.addEventListener("hashchange", function () { recall(); limit = PAGE; show(); });
    recall();
    box.hidden = false;
    show();
  }
  document.querySelectorAll(".browser").forEach(start);
})();
