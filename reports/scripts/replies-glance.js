// Collapse at a glance: the replies to a prompt on one another, with the beginnings they share.
(function () {
  "use strict";
  var element = window.sfr.element;
  var text = window.sfr.text;

  function fork() {
    var node = element("span", "fork");
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", "differs from here:");
    return node;
  }
  function counted(number, noun) { return number + " " + noun; }
  function replies(number) { return number === 1 ? "1 reply" : number + " replies"; }

  // What a prompt's replies have in common: `shared` tokens at the beginning of all, `different`
  // texts, and for each reply how many tokens it shares at its beginning with any other.
  function compare(texts) {
    var lists = texts.map(text.tokens);
    var shared = lists.length > 1 ? lists.reduce(function (least, list) {
      return Math.min(least, text.common(lists[0], list));
    }, Infinity) : 0;
    return {
      lists: lists,
      shared: shared,
      different: new Set(texts.map(function (one) { return one.trim(); })).size,
      depth: lists.map(function (list, i) {
        return lists.reduce(function (most, other, j) {
          return i === j ? most : Math.max(most, text.common(list, other));
        }, 0);
      })
    };
  }
  function summary(found, texts, empty, failed) {
    var said;
    if (texts.length === 0) said = "no reply with text";
    else if (texts.length === 1) said = "1 reply with text: nothing to compare it with";
    else if (found.different === 1) said = replies(texts.length) + ", all the same text";
    else {
      said = replies(texts.length) + ", " + found.different + " different";
      said += found.shared === 0 ? "; no common beginning" :
        "; all begin with the same " + text.measure(found.lists[0].slice(0, found.shared)) +
        ", then " + counted(found.different, "continuations");
    }
    if (empty) said += "; " + empty + " empty";
    if (failed) said += "; " + failed + " without text";
    return said[0].toUpperCase() + said.slice(1) + ".";
  }
  function line(list, from, found, at, finder) {
    var own = element("span", "text");
    var tokens = found.lists[at];
    var end = function (count) { return count ? tokens[count - 1].end : 0; };
    var all = end(found.shared);
    var some = end(found.depth[at]);
    var parts = finder.parts(from);
    if (some > all) parts.push({ start: all, end: some, name: "prefix" });
    if (all) parts.push({ start: 0, end: all, name: "prefix all" });
    var parting = some > 0 && some < from.trimEnd().length;
    text.paint(own, from, parts, parting ? [{ at: some, node: fork() }] : []);
    own.dir = "auto";
    list.append(own);
  }

  // A column: one prompt's replies, sorted by text so that equal beginnings lie on one another.
  window.sfr.glance = function (prompt, head, finder, link) {
    var column = element("div", "side");
    if (head) {
      var title = element("h5", "", head);
      title.dir = "auto";
      column.append(title);
    }
    var withText = prompt.replies.filter(function (reply) {
      return reply.hasText && reply.text.trim();
    });
    var sorted = withText.slice().sort(function (a, b) {
      return a.text < b.text ? -1 : a.text > b.text ? 1 : a.n - b.n;
    });
    var texts = sorted.map(function (reply) { return reply.text; });
    var found = compare(texts);
    var failed = prompt.replies.filter(function (reply) { return !reply.hasText; });
    var empty = prompt.replies.filter(function (reply) {
      return reply.hasText && !reply.text.trim();
    });
    column.append(element("p", "quiet summary",
      summary(found, texts, empty.length, failed.length)));
    var items = element("ol", "stack");
    function item(reply) {
      var row = element("li");
      row.value = reply.n;
      row.append(link(reply));
      if (reply.status !== "ok") row.append(element("span", "mark", reply.status));
      items.append(row);
      return row;
    }
    sorted.forEach(function (reply, at) {
      var row = item(reply);
      row.dir = text.direction(reply.text);
      line(row, reply.text, found, at, finder);
    });
    empty.concat(failed).forEach(function (reply) {
      item(reply).append(element("span", "text quiet", reply.hasText ? "(empty)" : reply.text));
    });
    column.append(items);
    return column;
  };
})();
