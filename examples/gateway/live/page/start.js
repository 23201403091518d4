let painting = false;
function paintSoon() {
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => { painting = false; paint(); });
}

let opener = null;
function route() {
  const open = hash(), run = runs.get(numbers.get(open));
  $("details").hidden = !open;
  document.querySelector("main").classList.toggle("open", !!open);
  if (open) {
    opener = run || opener;
    for (const id of ["error", "answer", "prompt", "more"]) $(id).replaceChildren();
    $("usage-box").hidden = true;
    $("save").href = "/runs/" + open;
    $("save").download = "run-" + open + ".json";
    set($("copy"), "Copy JSON");
    parts = [];
    set($("title"), run ? named(run) : "…");
    $("details").scrollTop = 0;
    $("title").focus({ preventScroll: true });
  } else if (opener) {
    const back = opener;
    opener = null;
    if (back.line?.isConnected) focusLine(back);
  }
  connect();
  paintSoon();
}
addEventListener("hashchange", route);

const close = () => { if (hash()) location.hash = ""; };
$("close").onclick = close;
addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
  if (event.target.closest("input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "p") pause(!paused);
  if (event.key === "/") { event.preventDefault(); $("search").focus(); }
});

function focusLine(run, inPlace) {
  if (!run) return;
  if (current?.line) current.line.tabIndex = -1;
  current = run;
  run.line.tabIndex = 0;
  run.line.focus({ preventScroll: !!inPlace });
}

// Durations advance between tokens, and runs get too old for a filter.
setInterval(() => { if ($("by-time").value) filtered = !held(); if (filtered || totals.running && !document.hidden) paintSoon(); }, 500);
addEventListener("resize", () => { for (const run of runs.values()) run.dirty = true; paintSoon(); });
route();
