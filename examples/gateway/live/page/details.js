let parts = [];  // text nodes of the answer

function facts(box, pairs) {
  const wanted = pairs.filter(([, value]) => value !== "" && value != null);
  while (box.children.length > wanted.length) box.lastChild.remove();
  wanted.forEach(([name, value], at) => {
    if (!box.children[at]) box.appendChild(make("div")).append(make("dt"), make("dd"));
    set(box.children[at].firstElementChild, name);
    set(box.children[at].lastElementChild, String(value));
  });
}

function paintFacts(run, list) {
  if (!run) return;
  set($("title"), named(run));
  let box = $("facts").firstElementChild;
  if (!box) {
    $("facts").append(make("div", "note"), make("dl"));
    $("facts").firstElementChild.append(make("span", "state"), make("span", "sub"));
    box = $("facts").firstElementChild;
  }
  box.firstElementChild.dataset.state = run.state;
  set(box.firstElementChild, run.state);
  set(box.lastElementChild, kindOf(run));
  $("abort").hidden = !abortToken || run.state !== "running";
  facts(box.nextElementSibling, [
    ["Input", known(run, run.input, 0)], ["Output", output(run)], ["Tokens/s", speed(run)],
    ["First token", time(run.first)], ["Time", time(duration(run))], ["Pieces", count(run.pieces || null)],
    ["Cost", run.cost ? cost(run) + " " + run.cost.currency : ""], ["Started", clock(run.started)], ["Tenant", label(run.tenant || "")],
  ]);
  const family = list.filter((other) => other.root === run.root).slice(0, 200), tree = $("tree");
  while (tree.children.length > family.length) tree.lastChild.remove();
  family.forEach((member, at) => {
    if (!tree.children[at]) {
      const a = make("a");
      a.append(make("span"), timeline(), make("span", "n"));
      tree.appendChild(make("li")).append(a);
    }
    const a = tree.children[at].firstElementChild;
    a.href = "#" + member.id;
    a.dataset.state = member.state;
    if (member === run) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current");
    set(a.children[0], named(member));
    a.children[0].style.paddingLeft = 6 + Math.min(member.depth, 8) * 14 + "px";
    paintTimeline(a.children[1], member, member.root, Math.max(0.01, member.root.ends - member.root.started));
    set(a.children[2], time(duration(member)));
  });
}

function part(box, { kind, name, choice, text }, bad) {
  const div = make("div", "part" + (bad ? " bad" : ""));
  if (kind === "tool_call" || kind === "reasoning") div.dataset.kind = kind;
  const head = make("span", "", label([kind.replace("_", " "), name, choice ? "choice " + choice : ""].filter(Boolean).join(" · ")));
  head.dir = "auto";
  const pre = make("pre");
  const node = document.createTextNode(shown(text));
  pre.append(node);
  div.append(head, pre);
  box.append(div);
  return node;
}

function content(box, { parts, cut }, kept, placeholder) {
  box.replaceChildren();
  const nodes = parts.map((one) => part(box, one));
  if (!parts.length) box.append(make("p", "note", placeholder));
  if (cut) box.append(make("p", "note cut", "Truncated: up to " + Math.round(kept / 1024) + " KiB are kept."));
  return nodes;
}

function showDetail(detail) {
  if (!detail.answer) {
    set($("title"), "This run is no longer kept");
    for (const id of ["facts", "error", "answer", "prompt", "more", "tree"]) $(id).replaceChildren();
    return;
  }
  const follow = atEnd();
  $("error").replaceChildren();
  const { error } = runs.get(numbers.get(detail.id)) || {};
  if (detail.error) part($("error"), { kind: ["error", error?.status, error?.code].filter(Boolean).join(" · "), text: detail.error }, true);
  paintUsage(detail.usage);
  parts = content($("answer"), detail.answer, detail.kept, "No content yet, or content is not captured.");
  content($("prompt"), detail.prompt, detail.kept, "No prompt, or content is not captured.");
  facts($("more"), [
    ["Run ID", detail.id], ["URL", shown(detail.url)], ["HTTP status", detail.status], ["Response model", label(detail.answered_model)],
    ["Response ID", label(detail.response_id)], ["Finish reason", label(detail.finish.join(", "))],
    ["Parameters", shown(detail.params)], ["Tags", label(detail.tags.join(", "))], ["Metadata", shown(detail.metadata)],
    ["Failed attempts", shown(detail.attempts.join("\n"))], ["Decode faults", detail.decode_faults || ""],
    ["Dropped pieces", detail.dropped || ""],
  ]);
  if (follow) toEnd();
}

const COUNTS = [
  ["Input", "input_tokens", "input"], ["of it from a cache", "cache_read_tokens"], ["of it written to a cache", "cache_write_tokens"],
  ["Output", "output_tokens", "output"], ["of it reasoning", "reasoning_tokens"], ["Total", "total_tokens"],
];
const SOURCES = { reported: "reported", reported_so_far: "reported before the call was cut", estimated: "estimated", at_least: "at least" };

function paintUsage(usage) {
  const rows = COUNTS.filter(([, key, side]) => usage && (usage[key] != null || (side && usage.source?.[side + "_gap"])));
  $("usage-box").hidden = !rows.length;
  $("usage").tBodies[0].replaceChildren(...rows.map(([name, key, side]) => {
    const tr = make("tr"), source = usage.source || {};
    const how = side ? [SOURCES[source[side]] || source[side], source[side + "_gap"]].filter(Boolean).map((one) => label(one).replaceAll("_", " ")).join(": ") : "";
    const th = make("th", "", name);
    th.scope = "row";
    tr.append(th, make("td", "n", count(usage[key])), make("td", "", how));
    return tr;
  }));
}

const abortToken = document.querySelector("meta[name=abort-token]").content;
$("abort").onclick = async () => {
  $("abort").disabled = true;
  try {
    const answer = await fetch(`/runs/${hash()}/abort`, { method: "POST", headers: { "x-abort-token": abortToken } });
    if (!answer.ok) alert(await answer.text());
  } finally {
    $("abort").disabled = false;
  }
};

$("copy").onclick = async () => {
  const answer = await fetch("/runs/" + hash()), text = await answer.text();
  set($("copy"), answer.ok && await copied(text) ? "Copied" : answer.ok ? "Not allowed" : "No longer kept");
};

// Browsers have a clipboard for pages of this machine or over HTTPS only.
async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const area = document.body.appendChild(make("textarea", "", text));
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

function extendAnswer(updates) {
  const follow = atEnd();
  for (const { part: fresh, at, text } of updates) {
    if (fresh) {
      if (!parts.length) $("answer").replaceChildren();
      parts[at] = part($("answer"), fresh);
    } else if (parts[at]) parts[at].appendData(shown(text));
  }
  if (follow) toEnd();
}

// If the end of the answer is visible, it stays visible while the answer grows.
const atEnd = () => {
  const end = $("answer").getBoundingClientRect().bottom, view = $("details").getBoundingClientRect();
  return $("details").scrollTop > 0 && end > view.top && end < view.bottom + 40;
};
const toEnd = () => {
  const over = $("answer").getBoundingClientRect().bottom - $("details").getBoundingClientRect().bottom;
  if (over > -12) $("details").scrollTop += over + 12;
};

