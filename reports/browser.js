// The sample browser: filters, two sides with their shared n-grams marked, the state in the address.
(function () {
  "use strict";
  var PAGE = 12;
  var N = 4;  // words of an n-gram that is marked, as in self-BLEU-4
  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function words(text) {
    var found = [];
    var pattern = /[\p{L}\p{N}]+(?:['\u2019][\p{L}\p{N}]+)*/gu;
    var match;
    while ((match = pattern.exec(text)) !== null) {
      found.push({ word: match[0].toLowerCase(), start: match.index, end: pattern.lastIndex });
    }
    return found;
  }
  function grams(replies) {
    var all = new Set();
    replies.forEach(function (reply) {
      var list = words(reply.text);
      for (var i = 0; i + N <= list.length; i += 1) all.add(gram(list, i));
    });
    return all;
  }
  function gram(list, start) {
    return list.slice(start, start + N).map(function (one) { return one.word; }).join(" ");
  }
  // Appends `text` to `into`, with every word marked that stands in an n-gram of `known`.
  function mark(into, text, known, count) {
    var list = words(text);
    var hit = list.map(function () { return false; });
    for (var i = 0; i + N <= list.length; i += 1) {
      if (known.has(gram(list, i))) for (var j = i; j < i + N; j += 1) hit[j] = true;
    }
    var place = 0;
    for (var k = 0; k < list.length; k += 1) {
      if (!hit[k]) continue;
      var last = k;
      while (last + 1 < list.length && hit[last + 1]) last += 1;
      into.append(text.slice(place, list[k].start));
      into.append(element("mark", "", text.slice(list[k].start, list[last].end)));
      place = list[last].end;
      k = last;
    }
    into.append(text.slice(place));
    count.all += list.length;
    count.marked += hit.filter(Boolean).length;
  }

  function start(box) {
    var data = JSON.parse(box.querySelector("script[type='application/json']").textContent);
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

    function other(prompt) {
      var beside = value("beside");
      var kind = beside.split(":")[0];
      var to = beside.slice(kind.length + 1);
      var run = kind === "run" ? 1 - prompt.run : prompt.run;
      var persona = kind === "persona" ? to : prompt.persona;
      var temperature = kind === "temperature" ? Number(to) : prompt.temperature;
      if (kind === "run" && prompt.run !== 0) return null;  // each pair once
      var found = byPlace.get(place(run, prompt.query, persona, temperature));
      return found && found !== prompt ? found : null;
    }
    function matches(prompt) {
      var wanted = value("text").trim().toLowerCase();
      var status = value("status");
      return (value("query") === "" || prompt.query === value("query")) &&
        (value("persona") === "" || prompt.persona === value("persona")) &&
        (value("temperature") === "" || prompt.temperature === Number(value("temperature"))) &&
        (status === "" || prompt.replies.some(function (r) { return r.status === status; })) &&
        (wanted === "" || prompt.all.indexOf(wanted) >= 0);
    }
    function about(prompt) {
      return [data.runs.length > 1 ? data.runs[prompt.run] : "",
        data.personas[prompt.persona] || prompt.persona,
        "T = " + prompt.temperature].filter(Boolean).join(" \u00b7 ");
    }
    function replies(prompt, known, count) {
      var status = value("status");
      var made = element("ol");
      prompt.replies.forEach(function (reply, number) {
        if (status !== "" && reply.status !== status) return;
        var row = element("li");
        row.value = number + 1;
        if (reply.status !== "ok") row.append(element("span", "mark", reply.status));
        if (reply.same) row.append(element("span", "mark", "same as " + reply.same));
        var text = element("span", reply.same ? "text repeated" : "text");
        if (!reply.text.trim()) text.textContent = "(empty)";
        else if (known) mark(text, reply.text, known, count);
        else text.textContent = reply.text;
        row.append(text);
        made.append(row);
      });
      return made;
    }
    function side(prompt, against) {
      var made = element("div", "side");
      var count = { all: 0, marked: 0 };
      var texts = replies(prompt, grams(against.replies), count);
      var share = count.all ? Math.round(100 * count.marked / count.all) : 0;
      made.append(element("h5", "", about(prompt)));
      made.append(element("p", "quiet", share + " % of the words stand in runs of " + N +
        " that the other side has too (marked)."));
      made.append(texts);
      return made;
    }
    function card(prompt) {
      var made = element("article", "prompt");
      var title = element("h4");
      title.append(element("span", "text", data.queries[prompt.query] || prompt.query));
      made.append(title);
      var against = value("beside") ? other(prompt) : null;
      if (against) {
        var sides = element("div", "sides");
        sides.append(side(prompt, against), side(against, prompt));
        made.append(sides);
      } else {
        var line = [about(prompt)];
        if (data.queries[prompt.query]) line.push(prompt.query);
        made.append(element("p", "quiet", line.join(" \u00b7 ")), replies(prompt, null, null));
      }
      if (prompt.of > prompt.replies.length) {
        made.append(element("p", "quiet",
          "The first " + prompt.replies.length + " of " + prompt.of + " replies."));
      }
      return made;
    }
    function show() {
      var found = data.prompts.filter(matches);
      if (value("beside")) found = found.filter(other);
      list.replaceChildren.apply(list, found.slice(0, limit).map(card));
      said.textContent = found.length === 0 ?
        "No prompt in this page matches" + (value("beside") ? " on both sides." : ".") :
        "Showing " + Math.min(limit, found.length) + " of " + found.length +
        (value("beside") ? " pairs." : " prompts.");
      more.hidden = found.length <= limit;
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
    function again() { limit = PAGE; show(); remember(); }
    Object.keys(controls).forEach(function (key) {
      controls[key].addEventListener(key === "text" ? "input" : "change", again);
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
