// Text from models and clients is only inserted into text nodes, and the page's policy forbids markup and scripts that
// are not part of the page.
const $ = (id) => document.getElementById(id);
const make = (name, kind, text) => {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  if (text !== undefined) element.textContent = text;
  return element;
};
const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };

// Invisible characters, and characters that change the text direction, are shown by their code point.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const shown = (text) => String(text).replace(INVISIBLE, (one) => "⟨" + one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0") + "⟩");
// Like `shown`, on one line.
const label = (text) => shown(text).replace(/[\n\t]/g, " ");

