// The replies of several runs to the same prompts, side by side, with shared n-grams marked.
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
  function gram(list, start) {
    var part = [];
    for (var i = start; i < start + N; i += 1) part.push(list[i].word);
    return part.join(" ");
  }
  function grams(replies, into) {
    replies.forEach(function (reply) {
      if (reply.status !== "ok" && reply.status !== "truncated") return;
      var list = words(reply.text);
      for (var i = 0; i + N <= list.length; i += 1) into.add(gram(list, i));
    });
    return into;
  }
  // Appends `text`, with every word marked that stands in an n-gram of `known`.
  function marked(into, text, known, count) {
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
    count.shared += hit.filter(Boolean).length;
  }
  function samples(part) {
    var box = part.querySelector(".browser");
    var data = JSON.parse(part.querySelector("script[type='application/json']").textContent);
    var query = box.querySelector(".by-query");
    var persona = box.querySelector(".by-persona");
    var temperature = box.querySelector(".by-temperature");
    var search = box.querySelector(".by-text");
    var list = box.querySelector(".prompts");
    var said = box.querySelector(".said");
    var more = box.querySelector(".more");
    var limit = PAGE;
    data.prompts.forEach(function (prompt) {
      var all = [prompt.query, data.queries[prompt.query], data.personas[prompt.persona]];
      prompt.runs.forEach(function (replies) {
        replies.forEach(function (reply) { all.push(reply.text); });
      });
      prompt.all = all.join("\n").toLowerCase();
    });
    function side(prompt, number) {
      var known = new Set();
      prompt.runs.forEach(function (replies, other) {
        // The first run is compared with all others, every other one with the first.
        if (other !== number && (number === 0 || other === 0)) grams(replies, known);
      });
      var made = element("div", "side run-" + (number % 6));
      var title = element("h5", "", data.runs[number]);
      made.append(title);
      var replies = element("ol");
      var count = { all: 0, shared: 0 };
      prompt.runs[number].forEach(function (reply) {
        var row = element("li");
        var has = reply.status === "ok" || reply.status === "truncated";
        if (reply.status !== "ok") row.append(element("span", "mark", reply.status));
        var text = element("span", "text");
        if (!reply.text.trim()) text.append("(empty)");
        else if (has) marked(text, reply.text, known, count);
        else text.append(reply.text);
        row.append(text);
        replies.append(row);
      });
      var share = count.all ? Math.round(100 * count.shared / count.all) : 0;
      title.append(element("span", "quiet", " \u00b7 " + share + " % of the words shared"));
      made.append(replies);
      return made;
    }
    function card(prompt) {
      var made = element("article", "prompt");
      var title = element("h4");
      title.append(element("span", "text", data.queries[prompt.query] || prompt.query));
      made.append(title);
      var about = [data.personas[prompt.persona] || prompt.persona, "T = " + prompt.temperature];
      if (data.queries[prompt.query]) about.push(prompt.query);
      made.append(element("p", "quiet", about.filter(Boolean).join(" \u00b7 ")));
      var sides = element("div", "sides");
      prompt.runs.forEach(function (_, number) { sides.append(side(prompt, number)); });
      made.append(sides);
      return made;
    }
    function chosen(select, value) {
      return !select || select.value === "" || select.value === String(value);
    }
    function show() {
      var wanted = search.value.trim().toLowerCase();
      var found = data.prompts.filter(function (prompt) {
        return chosen(query, prompt.query) && chosen(persona, prompt.persona) &&
          (temperature.value === "" || prompt.temperature === Number(temperature.value)) &&
          (wanted === "" || prompt.all.indexOf(wanted) >= 0);
      });
      list.replaceChildren.apply(list, found.slice(0, limit).map(card));
      said.textContent = found.length === 0 ? "No prompt matches." :
        "Showing " + Math.min(limit, found.length) + " of " + found.length + " prompts.";
      more.hidden = found.length <= limit;
    }
    function again() { limit = PAGE; show(); }
    [query, persona, temperature].forEach(function (select) {
      if (select) select.addEventListener("change", again);
    });
    search.addEventListener("input", again);
    more.addEventListener("click", function () { limit += PAGE; show(); });
    box.hidden = false;
    show();
  }
  document.querySelectorAll("[data-suite]").forEach(samples);
})();
