// The list is held still while it is paused, and while somebody points at it: a row must not move under the pointer.
const ACTIVE = 4000;    // the milliseconds after the last movement of the pointer in which it counts
let paused = false, pointed = -Infinity, pressed = false;

const held = () => paused || pressed || performance.now() - pointed < ACTIVE;

function release() {
  if (held()) return;
  for (const [number, run] of runs) if (run.gone) remove(number, true);
  paintSoon();
}

const point = (event) => {
  pointed = event.pointerType === "touch" && event.type !== "pointerdown" ? -Infinity : performance.now();
  setTimeout(release, ACTIVE + 50);
};
for (const type of ["pointerenter", "pointermove", "pointerdown", "wheel"]) $("list").addEventListener(type, point, { passive: true });
$("list").addEventListener("pointerdown", () => { pressed = true; });
for (const type of ["pointerup", "pointercancel"]) addEventListener(type, () => { pressed = false; release(); });
$("list").addEventListener("pointerleave", () => { pointed = -Infinity; release(); });

function pause(wanted) {
  paused = wanted;
  set($("pause"), paused ? "Resume" : "Pause");
  $("pause").setAttribute("aria-pressed", String(paused));
  release();
  paintSoon();
}
$("pause").onclick = () => pause(!paused);
