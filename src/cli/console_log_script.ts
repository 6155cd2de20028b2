/**
 * The part of the console page's script that keeps its log.
 * @module
 */

/**
 * JavaScript for the browser. What comes from a peer is only ever shown as text, and the oldest
 * entries leave, so that a busy connection does not fill the memory.
 */
export const CONSOLE_LOG_SCRIPT = String.raw`
const ENTRY_LIMIT = 500, HEX_BYTES = 64, DUMP_BYTES = 512, TEXT_CHARACTERS = 10000;
const $ = (id) => document.getElementById(id);
const encoder = new TextEncoder();
let follows = true, unseen = 0, asHex = false, wanted = "";
let total = { in: 0, out: 0 };

function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
function plural(number, thing) {
  return number.toLocaleString("en") + " " + thing + (number === 1 ? "" : "s");
}
function clock() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return two(now.getHours()) + ":" + two(now.getMinutes()) + ":" + two(now.getSeconds()) + "." +
    String(now.getMilliseconds()).padStart(3, "0");
}

// Adds an entry; its source is what the body is made of: text, or the first of some bytes.
function add(kind, way, facts, source, link) {
  const entry = make("li", kind, "");
  const meta = make("div", "meta", "");
  meta.append(make("span", "way", way), make("time", "", clock()));
  for (const fact of facts) meta.append(make("span", "", fact));
  if (link) meta.append(link);
  entry.append(meta, make("pre", "", ""));
  entry.source = source;
  render(entry);
  const log = $("log");
  log.append(entry);
  while (log.childElementCount > ENTRY_LIMIT) drop(log.firstElementChild);
  if (follows) log.scrollTop = log.scrollHeight;
  else unseen++;
  showCounts();
  return entry;
}
function render(entry) {
  const { text, bytes, size, isNote } = entry.source, body = entry.lastElementChild;
  const dumped = asHex && !isNote;
  body.className = dumped ? "dump" : "";
  if (dumped) {
    const head = bytes ?? encoder.encode(text.slice(0, DUMP_BYTES));
    body.textContent = dump(head.subarray(0, DUMP_BYTES)) +
      (size > Math.min(head.length, DUMP_BYTES) ? "\n…" : "");
  } else if (text !== undefined) {
    body.textContent = text.length > TEXT_CHARACTERS ? text.slice(0, TEXT_CHARACTERS) + "…" : text;
  } else {
    body.textContent = hexOf(bytes.subarray(0, HEX_BYTES)) + (size > HEX_BYTES ? " …" : "");
  }
  entry.hidden = wanted !== "" && !entry.textContent.toLowerCase().includes(wanted);
}
function renderAll() {
  for (const entry of $("log").children) render(entry);
  if (follows) $("log").scrollTop = $("log").scrollHeight;
  showCounts();
}
function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
function dump(bytes) {
  const width = matchMedia("(max-width: 52rem)").matches ? 8 : 16, rows = [];
  for (let at = 0; at < bytes.length; at += width) {
    const row = bytes.subarray(at, at + width);
    const shown = Array.from(row, (byte) => byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·");
    rows.push(at.toString(16).padStart(4, "0") + "  " + hexOf(row).padEnd(width * 3 - 1) + "  " +
      shown.join(""));
  }
  return rows.join("\n");
}
function drop(entry) {
  const link = entry.querySelector("a");
  if (link) URL.revokeObjectURL(link.href);
  entry.remove();
}
function showCounts() {
  $("latest").hidden = follows;
  $("latest").textContent = unseen > 0 ? "↓ " + unseen + " new" : "↓ Latest";
  const left = $("log").querySelectorAll("li:not([hidden])").length;
  const shown = wanted === "" ? "" : ", " + left.toLocaleString("en") + " shown";
  $("count").textContent = total.in + total.out === 0
    ? "No messages yet" + shown
    : "↑ " + total.out.toLocaleString("en") + " sent, ↓ " + total.in.toLocaleString("en") +
      " received" + shown;
}
function note(text, bad) {
  add(bad ? "note bad" : "note", bad ? "! event" : "• event", [], { text, isNote: true });
}
function download(blob, name) {
  const link = make("a", "", "Download");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  return link;
}
function showText(way, text) {
  const size = encoder.encode(text).length;
  const link = text.length > TEXT_CHARACTERS
    ? download(new Blob([text]), "message-" + total[way] + ".txt")
    : undefined;
  add(way, way === "in" ? "↓ received" : "↑ sent", ["text", plural(size, "byte")],
    { text, size }, link);
}
function showBytes(way, head, blob, name, facts) {
  return add(way, way === "in" ? "↓ received" : "↑ sent",
    ["binary", plural(blob.size, "byte")].concat(facts), { bytes: head, size: blob.size },
    download(blob, name));
}
function save() {
  const lines = [];
  for (const entry of $("log").children) {
    if (entry.hidden) continue;
    const facts = Array.from(entry.querySelectorAll(".meta > :not(a)"), (it) => it.textContent);
    lines.push(facts.join("  "), entry.lastElementChild.textContent.replace(/^/gm, "    "));
  }
  const link = download(new Blob([lines.join("\n") + "\n"], { type: "text/plain" }), "console.txt");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

$("log").addEventListener("scroll", () => {
  const log = $("log");
  follows = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  if (follows) unseen = 0;
  showCounts();
});
$("latest").addEventListener("click", () => {
  $("log").scrollTop = $("log").scrollHeight;
  $("log").focus({ preventScroll: true });
});
$("clear").addEventListener("click", () => {
  for (const entry of Array.from($("log").children)) drop(entry);
  total = { in: 0, out: 0 };
  follows = true;
  unseen = 0;
  showCounts();
});
$("hex").addEventListener("click", () => {
  asHex = !asHex;
  $("hex").setAttribute("aria-pressed", String(asHex));
  renderAll();
});
$("filter").addEventListener("input", () => {
  wanted = $("filter").value.trim().toLowerCase();
  renderAll();
});
$("save").addEventListener("click", save);
`;
