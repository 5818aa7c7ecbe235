"use strict";
// How old the page is and whether its window is over, by the reader's own day; and a link into a fold opens it.
(() => {
  const now = new Date(), today = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
  const away = (day) => Math.round((Date.parse(day) - today) / 864e5);
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  for (const place of document.querySelectorAll("[data-day]")) place.textContent = ` (${words.format(away(place.dataset.day), "day")})`;
  const closed = document.getElementById("closed");
  if (away(closed.dataset.closes) < 0) { closed.hidden = false; document.body.classList.add("over"); }

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    let fold = target && target.closest("details:not([open])");
    if (!fold) return;
    for (; fold; fold = fold.parentElement.closest("details:not([open])")) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
