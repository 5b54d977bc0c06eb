// Charts: what is drawn in place of a figure's static drawing, from the JSON beside it.
(function () {
  "use strict";
})();
