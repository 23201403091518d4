const duration = (run) => run.duration ?? Math.max(0, now() - run.started);
const time = (ms) => ms == null ? "" : ms < 1000 ? Math.round(ms) + " ms" : ms < 60000 ? (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + " s" : Math.floor(ms / 60000) + " min " + Math.round(ms % 60000 / 1000) + " s";
const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
const money = (amount) => Number(amount).toLocaleString("en", { maximumSignificantDigits: 3 });
const cost = (run) => run.cost ? (run.cost.estimated ? "~" : "") + money(run.cost.amount) : "";
const count = (n) => n == null ? "" : n.toLocaleString("en");
// A count that the provider did not report is marked.
const known = (run, n, side) => n == null ? "" : run.marks[side] + count(n);
// Until the end, and in incomplete answers, the number of pieces is more accurate than the usage reported so far.
const counted = (run) => run.output != null && (run.state === "completed" || run.output >= run.pieces);
const output = (run) => counted(run) ? known(run, run.output, 1) : run.pieces ? count(run.pieces) + (run.pieces === 1 ? " pc" : " pcs") : "";
function speed(run) {
  if (run.first == null) return "";
  const tokens = counted(run) ? run.output : run.pieces, seconds = (duration(run) - run.first) / 1000;
  return seconds > 0.02 && tokens > 1 ? (tokens / seconds).toFixed(tokens / seconds < 10 ? 1 : 0) : "";
}
const named = (run) => label(run.model || run.name || run.run_type);
const kindOf = (run) => [run.model ? run.name : run.run_type, run.provider, run.api, run.cached ? "from a cache" : "", run.attempt > 1 ? "attempt " + run.attempt : ""].filter(Boolean).map(label).join(" · ");

function line(run) {
  const tr = make("tr"), cells = {};
  tr.setAttribute("role", "row");
  tr.tabIndex = -1;
  tr.run = run;
  const cell = (name, kind, title) => {
    const td = make("td", kind);
    td.setAttribute("role", "gridcell");
    if (title) td.dataset.label = title;
    cells[name] = td;
    tr.append(td);
    return td;
  };
  cells.status = cell("state", "s").appendChild(make("span", "state"));
  const model = cell("model", "m");
  cells.name = model.appendChild(make("span", "model"));
  cells.sub = model.appendChild(make("span", "sub"));
  cells.name.dir = cells.sub.dir = "auto";
  cell("input", "n", "Input"); cell("output", "n", "Output"); cell("speed", "n cw sp", "Tokens/s");
  cell("first", "n cw"); cell("time", "n", "Time"); cell("cost", "n c-cost", "Cost"); cell("clock", "n cw");
  cells.bar = cell("timeline", "f").appendChild(timeline());
  run.line = tr; run.cells = cells;
}

function timeline() {
  const box = make("div", "timeline");
  box.setAttribute("aria-hidden", "true");
  box.append(make("i", "w"), make("i", "b"));
  return box;
}

// The duration that all timelines of the table are drawn for: that of most rows. Longer ones are cut off.
let scale = 1000;
function paintScale(roots) {
  const lengths = roots.map((root) => root.ends - root.started).sort((a, b) => a - b);
  const most = lengths[Math.floor(lengths.length * 0.95)] ?? lengths.at(-1) ?? 1000;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  const nice = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most) || 1000;
  if (nice === scale) return;
  scale = nice;
  for (const run of runs.values()) run.dirty = true;
}

function paintTimeline(box, run, root, whole) {
  const from = Math.min(100, Math.max(0, (run.started - root.started) / whole * 100));
  const length = duration(run) / whole * 100, wait = run.first == null ? (run.state === "running" && run.run_type === "llm" ? length : 0) : Math.min(length, run.first / whole * 100);
  box.classList.toggle("over", from + length > 100.5);
  const [w, b] = box.children;
  const at = (part, left, width) => {
    part.style.left = Math.min(99, left).toFixed(2) + "%";
    part.style.width = Math.max(0, Math.min(100 - left, width)).toFixed(2) + "%";
    part.hidden = width <= 0;
  };
  at(w, from, wait);
  at(b, from + wait, length - wait);
}

function paintLine(run) {
  const c = run.cells;
  run.line.dataset.state = run.state;
  set(c.status, run.state);
  set(c.name, named(run));
  const { error } = run;
  set(c.sub, error ? [error.status, error.code, label(error.message)].filter(Boolean).join(" · ") : kindOf(run));
  c.sub.classList.toggle("bad", !!error && run.state !== "cancelled");
  c.model.style.paddingLeft = Math.min(run.depth, 6) * 18 + (innerWidth > 760 ? 8 : 0) + "px";
  run.line.setAttribute("aria-level", run.depth + 1);
  set(c.input, known(run, run.input, 0));
  set(c.output, output(run));
  c.output.classList.toggle("pieces", !counted(run));
  c.output.title = counted(run) ? (run.marks[1] ? "tokens; the provider did not report all of them" : "tokens") : "pieces received so far; tokens are reported at the end";
  set(c.speed, speed(run));
  set(c.first, time(run.first));
  set(c.time, time(duration(run)));
  set(c.cost, cost(run));
  c.cost.title = run.cost ? `${run.cost.amount} ${run.cost.currency}` : "";
  set(c.clock, clock(run.started));
  c.clock.title = new Date(run.started).toISOString();
  paintTimeline(c.bar, run, run.root, scale);
}

function paint() {
  const list = ordered(), still = held();
  for (const run of list) {
    run.root.ends = run.root === run ? run.started + duration(run) : Math.max(run.root.ends, run.started + duration(run));
  }
  const body = $("rows"), open = hash();
  let next = body.firstElementChild, visible = 0, pending = 0;
  paintScale(list.filter((run) => run.root === run && run.line && !run.line.hidden));
  for (const run of list) {
    if (!run.line) {
      if (still) { pending += matches(run) ? 1 : 0; continue; }
      line(run);
    }
    // Nothing moves while the list is held, unless the filters say so.
    if (!still || filtered) run.line.hidden = !matches(run);
    if (!run.line.hidden) visible++;
    if (!still) {
      // Only rows out of order are moved: moving a row takes away its focus.
      if (next === run.line) next = next.nextElementSibling;
      else body.insertBefore(run.line, next);
    }
    const live = run.state === "running" || run.root.state === "running" || (run.root !== run);
    if (run.dirty || live) { paintLine(run); run.dirty = false; }
    const selected = String(run.id === open);
    if (run.line.getAttribute("aria-selected") !== selected) run.line.setAttribute("aria-selected", selected);
  }
  filtered = false;
  $("empty").hidden = visible > 0;
  set($("empty"), isFiltered() ? "No runs match the filters." : "No runs yet. Runs appear here when they start.");
  $("list").classList.toggle("priced", list.some((run) => run.cost));
  set($("scale"), "Timeline, " + time(scale));
  paintShown(visible, list.length, pending);
  if (!current || !current.line?.isConnected || current.line.hidden) {
    current = list.find((run) => run.line && !run.line.hidden) || null;
    for (const run of list) if (run.line) run.line.tabIndex = -1;
    if (current) current.line.tabIndex = 0;
  }
  paintKinds();
  if (!still) paintFilters();
  if (open) paintFacts(runs.get(numbers.get(open)), list);
}

// Says what the list does not show.
function paintShown(visible, kept, pending) {
  const older = totals.started - kept;
  set($("shown"), [
    pending ? `${count(pending)} new while paused` : "",
    visible + pending < kept ? `${count(visible)} of ${count(kept)} shown` : "",
    older > 0 ? `${count(older)} older no longer kept` : "",
  ].filter(Boolean).join(" · "));
}

$("rows").addEventListener("click", (event) => {
  const tr = event.target.closest("tr");
  if (!tr || String(getSelection())) return;
  focusLine(tr.run, true);
  location.hash = tr.run.id;
});
$("rows").addEventListener("keydown", (event) => {
  const tr = event.target.closest("tr");
  if (!tr || event.altKey || event.ctrlKey || event.metaKey) return;
  const lines = [...$("rows").children].filter((line) => !line.hidden), at = lines.indexOf(tr);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    focusLine(lines[Math.min(lines.length - 1, Math.max(0, to))]?.run);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    location.hash = tr.run.id;
  }
});

