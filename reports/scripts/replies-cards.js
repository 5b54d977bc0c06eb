// Cards of the reply browser: the replies to a prompt, sides, columns at a glance, and its map.
(function () {
  "use strict";
  var SHORT = 90;
  var element = window.sfr.element;
  var text = window.sfr.text;

  function cut(long) {
    var flat = long.replace(/\s+/g, " ").trim();
    return flat.length > SHORT ? flat.slice(0, SHORT).trimEnd() + "\u2026" : flat;
  }
  function joined(parts) { return parts.filter(Boolean).join(" \u00b7 "); }
  window.sfr.cut = cut;

  // What draws the prompts of one browser. `browser` has box, data, several, value (of a control),
  // beside, sides (the prompts of a card), isAt (whether a prompt passes the filters), finder, and
  // open, which is called with a point of the map.
  window.sfr.replyCards = function (browser) {
    var data = browser.data;
    var several = browser.several;
    var value = browser.value;
    var beside = browser.beside;
    var sides = browser.sides;
    // In a comparison, runs of one group have its look.
    var section = browser.box.closest("[data-sides]");
    var numbers = section ? section.dataset.sides.split(" ").map(Number) : [];
    function look(prompt) { return window.sfr.lookOf(numbers[prompt.run] || 0); }
    function who(prompt) { return data.personas[prompt.persona] || prompt.persona; }
    function about(prompt) { return [who(prompt), "T = " + prompt.temperature]; }
    function share(number) { return Math.round(100 * number) + " %"; }
    function facts(prompt) {
      var parts = [];
      if (prompt.repetition !== undefined) parts.push(share(prompt.repetition) + " repeated");
      if (prompt.quality !== undefined) {
        parts.push(data.quality + " " + Number(prompt.quality.toPrecision(3)));
      }
      return parts.join(", ");
    }

    function address(prompt, reply) {
      var to = { query: prompt.query, temperature: prompt.temperature, reply: reply.n };
      if (prompt.persona) to.persona = prompt.persona;
      if (several) to.run = data.runs[prompt.run];
      return window.sfr.repliesAddress(browser.box.id, to);
    }
    function link(prompt) {
      return function (reply) {
        var anchor = element("a", "link", "#");
        anchor.href = address(prompt, reply);
        anchor.title = "Link to this reply";
        anchor.setAttribute("aria-label", "Link to reply " + reply.n);
        return anchor;
      };
    }
    function isTarget(prompt, reply) {
      return value("reply") === String(reply.n) && browser.isAt(prompt) &&
        (value("run") === "" || data.runs[prompt.run] === value("run"));
    }
    function replies(prompt, shared, count) {
      var status = value("status");
      var items = element("ol");
      prompt.replies.forEach(function (reply) {
        if (status !== "" && reply.status !== status) return;
        var row = element("li", isTarget(prompt, reply) ? "target" : "");
        row.value = reply.n;
        row.dir = text.direction(reply.text);
        row.append(link(prompt)(reply));
        if (reply.status !== "ok") row.append(element("span", "mark", reply.status));
        if (reply.same) row.append(element("span", "mark", "same as " + reply.same));
        var own = element("span", reply.same ? "text repeated" : "text");
        own.dir = "auto";
        var parts = browser.finder.parts(reply.text);
        if (shared && reply.hasText) {
          parts = parts.concat(text.sharedParts(reply.text, shared, count));
        }
        if (!reply.text.trim()) own.textContent = "(empty)";
        else text.paint(own, reply.text, parts);
        row.append(own);
        items.append(row);
      });
      return items;
    }
    function texts(prompts) {
      return [].concat.apply([], prompts.map(function (one) {
        return one.replies.filter(function (reply) { return reply.hasText; })
          .map(function (reply) { return reply.text; });
      }));
    }
    function side(prompt, others) {
      var part = element("div", several ? "side " + look(prompt) : "side");
      var count = { all: 0, marked: 0 };
      var items = replies(prompt, text.grams(texts(others)), count);
      var run = several ? data.runs[prompt.run] : "";
      part.append(element("h5", "", joined(beside() ? [run].concat(about(prompt)) : [run])));
      part.append(element("p", "quiet", share(count.all ? count.marked / count.all : 0) +
        " of the words are in shared sequences of " + text.N + " (marked)."));
      if (facts(prompt)) part.append(element("p", "quiet", facts(prompt) + "."));
      part.append(items);
      return part;
    }
    function title(prompt) {
      var head = element("h4");
      var own = element("span", "text");
      own.dir = "auto";
      text.paint(own, prompt.question, browser.finder.parts(prompt.question));
      head.append(own);
      return head;
    }
    function columns(parts) {
      var grid = element("div", "sides");
      grid.append.apply(grid, parts);
      return grid;
    }
    function card(prompt) {
      var article = element("article", "prompt");
      article.append(title(prompt));
      var prompts = sides(prompt);
      var id = data.queries[prompt.query] ? prompt.query : "";
      var alone = prompts.length === 1;
      if (!beside()) {
        article.append(element("p", "quiet", joined(about(prompt).concat(
          id, value("run"), alone ? facts(prompt) : ""))));
      }
      // Sorted by repetition, what is repeated is marked.
      var marks = value("sort") === "repetition" ? text.repeated(texts([prompt])) : null;
      article.append(alone ? replies(prompt, marks, { all: 0, marked: 0 }) :
        columns(prompts.map(function (one, number) {
          // The first run is set against all others, every other one against the first.
          return side(one, number === 0 ? prompts.slice(1) : prompts.slice(0, 1));
        })));
      var most = prompts.reduce(function (a, b) { return b.total > a.total ? b : a; });
      if (most.total > most.replies.length) {
        article.append(element("p", "quiet",
          most.replies.length + " of " + most.total + " replies are in this page."));
      }
      return article;
    }

    // Collapse at a glance: personas side by side for a question, or runs for a prompt.
    function groups(prompts) {
      var byRun = several && value("run") === "";
      var found = new Map();
      prompts.forEach(function (prompt) {
        var key = JSON.stringify([prompt.query, prompt.temperature, byRun ? prompt.persona : ""]);
        if (!found.has(key)) found.set(key, []);
        found.get(key).push(prompt);
      });
      return Array.from(found.values()).map(function (own) {
        return byRun ? sides(own[0]) : own.sort(function (a, b) {
          return data.prompts.indexOf(a) - data.prompts.indexOf(b);
        });
      });
    }
    function glance(prompts) {
      var first = prompts[0];
      var byRun = several && value("run") === "";
      var article = element("article", "prompt glance");
      article.append(title(first));
      article.append(element("p", "quiet",
        joined([byRun ? who(first) : "", "T = " + first.temperature, first.query, value("run")])));
      article.append(columns(prompts.map(function (prompt) {
        var head = byRun ? data.runs[prompt.run] : who(prompt);
        var part = window.sfr.glance(prompt, head, browser.finder, link(prompt));
        if (byRun) part.className += " " + look(prompt);
        return part;
      })));
      return article;
    }

    // The classes of the map, by what it is coloured: names of all replies, so that a filter
    // changes no colour.
    function classesBy(by) {
      var classOf = {
        persona: who,
        temperature: function (prompt) { return prompt.temperature; },
        run: function (prompt) { return data.runs[prompt.run]; },
        status: function (_, reply) { return reply.status; },
        meaning: function (_, reply) {
          return reply.at[2] ? "means the same as another reply to its prompt" : "alone in meaning";
        }
      }[by];
      var names = new Set();
      data.prompts.forEach(function (prompt) {
        prompt.replies.forEach(function (reply) {
          if (reply.at) names.add(classOf(prompt, reply));
        });
      });
      var known = Array.from(names);
      var ordered = by === "temperature";
      if (ordered) known.sort(function (a, b) { return a - b; });
      return {
        ordered: ordered,
        of: function (prompt, reply) { return known.indexOf(classOf(prompt, reply)); },
        names: known.map(function (name) { return ordered ? "T = " + name : String(name); })
      };
    }
    // The replies to these prompts that are on the map, and their drawing.
    function map(prompts) {
      var runs = several && value("run") === "";
      var all = runs ? [].concat.apply([], prompts.map(sides)) : prompts;
      var by = value("colour") || (runs ? "run" : Object.keys(data.personas).length > 1 ?
        "persona" : "temperature");
      var classes = classesBy(by);
      var points = [];
      all.forEach(function (prompt) {
        prompt.replies.forEach(function (reply) {
          if (!reply.at || (value("status") !== "" && reply.status !== value("status"))) return;
          if (value("text").trim() !== "" && !browser.finder.parts(reply.text).length) return;
          points.push({
            x: reply.at[0], y: reply.at[1], class: classes.of(prompt, reply),
            address: address(prompt, reply),
            about: function () {
              return joined([several ? data.runs[prompt.run] : ""].concat(about(prompt),
                "reply " + reply.n)) + ": \u201c" + cut(reply.text) + "\u201d to \u201c" +
                cut(prompt.question) + "\u201d";
            }
          });
        });
      });
      var shares = data.map.shares || [0, 0];
      var note = "Embeddings of replies less the mean of their question, on their first two " +
        "principal components (" + share(shares[0]) + " and " + share(shares[1]) + " of the " +
        "variance). Replies in one place say much the same." + (by === "meaning" ?
          " Two mean the same within a cosine distance of " + data.map.within + "." : "");
      return {
        count: points.length,
        nodes: points.length ? [window.sfr.replyMap(points, classes, note, browser.open)] : []
      };
    }
    return { card: card, groups: groups, glance: glance, map: map };
  };
})();
