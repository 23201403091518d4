let only = null;        // the only state to show, or null
let filtered = true;    // the filters have changed since the list was painted

const by = {
  model: (run) => run.model || "", provider: (run) => run.provider || "", tenant: (run) => run.tenant || "",
};

// Names come from clients: attributes of the page do not have them.
const chosen = (name) => $("by-" + name).names?.[$("by-" + name).selectedIndex] || "";

function matches(run) {
  if (only && run.state !== only) return false;
  for (const [name, value] of Object.entries(by)) {
    const wanted = chosen(name);
    if (wanted && value(run) !== wanted) return false;
  }
  const minutes = Number($("by-time").value);
  if (minutes && now() - run.started > minutes * 60000) return false;
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const { error } = run;
  const text = [run.name, run.run_type, run.model, run.provider, run.api, run.tenant, run.id, run.state, error?.message, error?.code, error?.status]
    .filter((one) => one != null).join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

const isFiltered = () => !!(only || $("search").value.trim() || $("by-time").value || Object.keys(by).some(chosen));

// The values that the kept runs have. A list that is open, or has one value, is left alone.
function paintFilters() {
  for (const [name, value] of Object.entries(by)) {
    const select = $("by-" + name);
    if (select === document.activeElement) continue;
    const now = chosen(name);
    const wanted = ["", ...[...new Set([now, ...[...runs.values()].map(value)])].filter(Boolean).sort()];
    select.hidden = wanted.length < 3 && !now;
    if (wanted.join("\n") === select.names?.join("\n")) continue;
    select.names = wanted;
    select.replaceChildren(...wanted.map((one) => make("option", "", one ? label(one) : `any ${name}`)));
    select.selectedIndex = wanted.indexOf(now);
  }
}

const refilter = () => { filtered = true; paintSoon(); };
$("filters").addEventListener("input", refilter);

function paintKinds() {
  const kinds = [["running", totals.running], ...Object.entries(totals.ended).filter(([kind]) => kind !== "not kept")];
  const box = $("kinds");
  for (const [kind, n] of [["all", totals.started], ...kinds]) {
    let button = [...box.children].find((child) => child.dataset.kind === kind);
    if (!button) {
      // A new button would move the others.
      if (held()) continue;
      button = make("button", "", kind);
      button.dataset.kind = kind;
      button.append(make("b"));
      button.onclick = () => { only = kind === "all" || only === kind ? null : kind; refilter(); };
      box.append(button);
    }
    set(button.querySelector("b"), count(n));
    button.setAttribute("aria-pressed", String(kind === (only || "all")));
  }
}

