const runs = new Map();     // by number
const numbers = new Map();  // by id
let totals = { started: 0, running: 0, ended: {} };
let ahead = 0;              // the server's clock minus the browser's
let current = null;         // the run whose row has or receives the focus
let source = null;

const hash = () => location.hash.slice(1);
const now = () => Date.now() + ahead;

function connect() {
  if (source) source.close();
  const open = hash();
  source = new EventSource("/events" + (/^[0-9a-f-]{36}$/.test(open) ? "/" + open : ""));
  const mine = source;
  const on = (name, f) => mine.addEventListener(name, (event) => {
    if (mine !== source) return;
    f(JSON.parse(event.data));
    paintSoon();
  });
  const status = (text, up) => { set($("link"), text); $("link").dataset.up = up; };
  mine.onopen = () => { if (mine === source) status("live", "yes"); };
  mine.onerror = () => {
    if (mine !== source) return;
    status("disconnected, reconnecting", "no");
    // Browsers do not reconnect after an HTTP error.
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => { if (mine === source) connect(); }, 3000);
  };
  on("snapshot", (update) => {
    const kept = new Set(update.runs.map((row) => row.number + row.id));
    // After a restart of the server another run may have the number.
    const fresh = new Map(update.runs.map((row) => [row.number, row.id]));
    for (const [number, run] of runs) if (!kept.has(number + run.id)) remove(number, fresh.has(number));
    apply(update);
  });
  on("overview", paintOverview);
  on("update", apply);
  on("detail", (detail) => { if (detail.id === hash()) showDetail(detail); });
  on("more", extendAnswer);
  set($("waiting"), "");
  set($("unobserved"), "");
  // A tooltip lists them: they are no runs, and most are reads, such as of the list of models.
  on("unobserved", (all) => {
    const count = all.reduce((sum, it) => sum + it.requests, 0);
    set($("unobserved"), `${count} unobserved ${count === 1 ? "request" : "requests"}`);
    $("unobserved").title = all.map((it) => `${it.requests} × ${it.method} ${it.path}`).join("\n");
  });
  on("waiting", (count) => set($("waiting"), count ? `waiting for ${count} request ${count === 1 ? "body" : "bodies"}` : ""));
}

function apply(update) {
  ahead = update.now - Date.now();
  totals = update.totals;
  for (const number of update.gone) remove(number);
  for (const row of update.runs) {
    const run = runs.get(row.number) || {};
    runs.set(row.number, Object.assign(run, row, { dirty: true, gone: false }));
    numbers.set(row.id, row.number);
  }
  for (const [number, pieces] of update.grown) {
    const run = runs.get(number);
    if (run) Object.assign(run, { pieces, dirty: true });
  }
  // The page keeps no more runs than the server.
  let kept = 0;
  for (const run of runs.values()) if (!run.gone) kept++;
  for (const [number, run] of runs) {
    if (kept <= update.limit) break;
    if (run.gone) continue;
    remove(number);
    kept--;
  }
}

// While the list is held still, rows of runs that are no longer kept stay where they are.
function remove(number, now) {
  const run = runs.get(number);
  if (!run) return;
  if (!now && run.line && held()) {
    run.gone = true;
    return;
  }
  if (numbers.get(run.id) === number) numbers.delete(run.id);
  runs.delete(number);
  if (run.line) {
    if (current === run) current = null;
    const hadFocus = document.activeElement === run.line;
    const next = run.line.nextElementSibling || run.line.previousElementSibling;
    run.line.remove();
    if (hadFocus && next) focusLine(next.run);
  }
}

// Newest root runs first, each followed by its descendants. The server's threads may number two starts the other way round.
function ordered() {
  const children = new Map(), roots = [];
  for (const run of [...runs.values()].sort((a, b) => a.started - b.started || a.number - b.number)) {
    const parent = run.parent && runs.get(numbers.get(run.parent));
    if (parent && parent !== run) children.set(parent, [...(children.get(parent) || []), run]);
    else roots.push(run);
  }
  const list = [], seen = new Set();
  const walk = (root) => {
    const open = [[root, 0]];
    while (open.length) {
      const [run, depth] = open.pop();
      if (seen.has(run)) continue;
      seen.add(run);
      run.depth = depth; run.root = root;
      list.push(run);
      for (const child of (children.get(run) || []).slice().reverse()) open.push([child, depth + 1]);
    }
  };
  for (const root of roots.reverse()) walk(root);
  // Runs in a cycle have no root.
  for (const run of runs.values()) if (!seen.has(run)) walk(run);
  return list;
}

