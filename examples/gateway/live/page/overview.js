// What all model calls of the last minutes add up to, also those that are no longer kept.
const SVG = "http://www.w3.org/2000/svg";

function paintOverview({ minutes, currency, duration, first }) {
  const pair = ({ p50, p95 }) => p50 == null ? "" : time(p50) + " / " + time(p95);
  facts($("quantiles"), [["Time, p50 / p95", pair(duration)], ["First token, p50 / p95", pair(first)]]);
  const tokens = minutes.map((minute) => minute.input + minute.output), costs = minutes.map((minute) => minute.cost);
  plot($("tokens-plot"), "tokens", tokens, count);
  plot($("cost-plot"), currency || "", costs, money);
}

function plot(figure, unit, values, text) {
  const sum = values.reduce((a, b) => a + b, 0), most = Math.max(...values);
  figure.hidden = !sum;
  if (!sum) return;
  const caption = `${text(sum)} ${unit} in ${values.length} min`;
  set(figure.firstElementChild, caption);
  figure.title = `at most ${text(most)} ${unit} in a minute; now ${text(values.at(-1))}`;
  let svg = figure.querySelector("svg");
  if (!svg) {
    svg = figure.appendChild(document.createElementNS(SVG, "svg"));
    svg.setAttribute("viewBox", `0 0 ${values.length * 4} 20`);
    svg.setAttribute("role", "img");
    for (const at of values.keys()) {
      const bar = svg.appendChild(document.createElementNS(SVG, "rect"));
      bar.setAttribute("x", at * 4);
      bar.setAttribute("width", 3);
    }
  }
  svg.setAttribute("aria-label", `${caption}, ${figure.title}`);
  values.forEach((value, at) => {
    const height = value ? Math.max(1, value / most * 20) : 0;
    svg.children[at].setAttribute("y", 20 - height);
    svg.children[at].setAttribute("height", height);
  });
}
