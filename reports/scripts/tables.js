// Tables: sorting, filtering and folding.
(function () {
  "use strict";
})();
