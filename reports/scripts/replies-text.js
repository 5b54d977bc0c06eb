// Texts of replies: words, shared n-grams, common beginnings, searching, and painting all that.
(function () {
  "use strict";
  var N = 4;  // words of an n-gram that is marked, as in self-BLEU-4
  var element = window.sfr.element;
  // Scripts without spaces: each character is a word, as in the metrics for Chinese and Japanese.
  var SOLO = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u4dbf" +
    "\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{2fa1f}";
  var LETTER = "(?:(?![" + SOLO + "])[\\p{L}\\p{N}\\p{M}_])";
  // A word with its apostrophes, a character of those scripts, an emoji with its parts, or a mark.
  var WORD = new RegExp(LETTER + "+(?:['\\u2019]" + LETTER + "+)*|[" + SOLO + "]\\p{M}*|" +
    "\\p{Extended_Pictographic}(?:\\ufe0f|\\p{Emoji_Modifier}|\\u200d\\p{Extended_Pictographic})*|" +
    "[^\\p{L}\\p{N}\\p{M}_\\s]", "gu");
  var ALONE = new RegExp("^[" + SOLO + "]", "u");
  var SPOKEN = /[\p{L}\p{N}]/u;
  var RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;
  var STRONG = /\p{L}/u;

  function tokens(text) {
    var list = [];
    var match;
    WORD.lastIndex = 0;
    while ((match = WORD.exec(text)) !== null) {
      list.push({ text: match[0], start: match.index, end: WORD.lastIndex });
    }
    return list;
  }
  // The n-grams of a text; one of fewer words is an n-gram as a whole, as in the metrics.
  function gramsOf(list) {
    var folded = list.map(function (one) { return one.text.toLowerCase(); });
    if (folded.length <= N) return [folded.join(" ")];
    return folded.slice(0, folded.length - N + 1).map(function (_, i) {
      return folded.slice(i, i + N).join(" ");
    });
  }
  function grams(texts) {
    var set = new Set();
    texts.forEach(function (text) {
      gramsOf(tokens(text)).forEach(function (gram) { set.add(gram); });
    });
    return set;
  }
  // The n-grams that at least two of the texts have.
  function repeated(texts) {
    var counts = new Map();
    texts.forEach(function (text) {
      new Set(gramsOf(tokens(text))).forEach(function (gram) {
        counts.set(gram, (counts.get(gram) || 0) + 1);
      });
    });
    return new Set(Array.from(counts.keys()).filter(function (gram) {
      return counts.get(gram) > 1;
    }));
  }
  // The parts of a text that are in one of the `shared` n-grams; `count` adds up words.
  function sharedParts(text, shared, count) {
    var list = tokens(text);
    var hit = list.map(function () { return false; });
    gramsOf(list).forEach(function (gram, i) {
      if (shared.has(gram)) for (var j = i; j < Math.min(i + N, list.length); j += 1) hit[j] = true;
    });
    var parts = [];
    list.forEach(function (one, i) {
      var last = parts[parts.length - 1];
      if (hit[i] && i && hit[i - 1]) last.end = one.end;
      else if (hit[i]) parts.push({ start: one.start, end: one.end, name: "shared" });
    });
    count.all += list.length;
    count.marked += hit.filter(Boolean).length;
    return parts;
  }
  // How many tokens two lists have in common from their beginning.
  function common(one, other) {
    var i = 0;
    while (i < one.length && i < other.length && one[i].text === other[i].text) i += 1;
    return i;
  }
  // "3 words" or "3 characters" of a beginning, without its marks.
  function measure(list) {
    var spoken = list.filter(function (one) { return SPOKEN.test(one.text); });
    var alone = spoken.filter(function (one) { return ALONE.test(one.text); }).length;
    var unit = alone * 2 > spoken.length ? "character" : "word";
    return spoken.length + " " + unit + (spoken.length === 1 ? "" : "s");
  }

  function escaped(text) { return text.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&"); }
  // What finds a text: literally, with any white space for any other, or as a regular expression.
  // Letters match whatever their case. `error` says why a pattern is none; it finds nothing.
  function finder(wanted, isPattern) {
    var none = { wanted: "", error: "", parts: function () { return []; } };
    var trimmed = isPattern ? wanted : wanted.trim();
    if (trimmed === "") return none;
    var pattern;
    try {
      pattern = new RegExp(
        isPattern ? trimmed : trimmed.split(/\s+/).map(escaped).join("\\s+"), "gimu");
    } catch (error) {
      return { wanted: trimmed, error: String(error.message), parts: none.parts };
    }
    return {
      wanted: trimmed,
      error: "",
      parts: function (text) {
        var parts = [];
        var match;
        pattern.lastIndex = 0;
        while ((match = pattern.exec(text)) !== null) {
          if (match[0] === "") {  // a* finds nothing between two letters
            pattern.lastIndex += text.codePointAt(match.index) > 0xffff ? 2 : 1;
          } else {
            parts.push({ start: match.index, end: match.index + match[0].length, name: "found" });
          }
        }
        return parts;
      }
    };
  }

  // Appends `text` to `parent`. Each of `parts` names a class of a stretch of it; they may overlap.
  // Each of `inserts` is a node that stands at a place.
  function paint(parent, text, parts, inserts) {
    var cuts = new Set([0, text.length]);
    parts.forEach(function (part) { cuts.add(part.start); cuts.add(part.end); });
    (inserts || []).forEach(function (insert) { cuts.add(insert.at); });
    var places = Array.from(cuts).sort(function (a, b) { return a - b; });
    places.forEach(function (start, number) {
      (inserts || []).forEach(function (insert) {
        if (insert.at === start) parent.append(insert.node);
      });
      if (number + 1 === places.length || start === places[number + 1]) return;
      var end = places[number + 1];
      var names = parts.filter(function (part) { return part.start <= start && end <= part.end; })
        .map(function (part) { return part.name; });
      var own = text.slice(start, end);
      if (!names.length) { parent.append(own); return; }
      var mark = names.indexOf("found") >= 0 || names.indexOf("shared") >= 0;
      parent.append(element(mark ? "mark" : "span", Array.from(new Set(names)).join(" "), own));
    });
  }
  // The direction of a text by its first letter.
  function direction(text) {
    var first = STRONG.exec(text);
    return first && RIGHT_TO_LEFT.test(first[0]) ? "rtl" : "ltr";
  }
  window.sfr.text = {
    N: N, tokens: tokens, grams: grams, repeated: repeated, sharedParts: sharedParts,
    common: common, measure: measure, finder: finder, paint: paint, direction: direction
  };
})();
