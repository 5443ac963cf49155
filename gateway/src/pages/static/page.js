// Keys for the review queue, and pages that renew themselves. Everything works without it.
"use strict";

const isTyping = (target) => target.closest("input, textarea, select") !== null;

function reviewKeys(event) {
  const form = document.getElementById("review");
  if (!form || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
  if (isTyping(event.target) || event.repeat) return;
  const button = form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button) {
    event.preventDefault();
    button.click();
  } else if (event.key === "e") {
    event.preventDefault();
    document.getElementById("answer").focus();
  } else if (event.key === "j") {
    const links = [...document.querySelectorAll(".side a")];
    const here = links.findIndex((link) => link.hasAttribute("aria-current"));
    const next = links[(here + 1) % links.length];
    if (next) location.assign(next.href);
  }
}

// One decision for one key: a second press must not hit the next draft.
function sendOnce(event) {
  const form = event.target;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
}

async function renew(main) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  // The server escapes what it puts into pages; scripts of a parsed document do not run.
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const open = [...main.querySelectorAll("details")].map((details) => details.open);
  main.replaceChildren(...page.getElementById("main").childNodes);
  main.querySelectorAll("details").forEach((details, place) => (details.open = open[place] ?? details.open));
}

function follow() {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const events = new EventSource(main.dataset.live);
  events.addEventListener("changed", () => renew(main));
  addEventListener("pagehide", () => events.close());
}

document.addEventListener("keydown", reviewKeys);
document.getElementById("review")?.addEventListener("submit", sendOnce);
follow();
