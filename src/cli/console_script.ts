/**
 * The console page's script.
 * @module
 */

/**
 * JavaScript for the browser. What comes from a peer is only ever shown as text, and the oldest
 * entries leave, so that a busy connection does not fill the memory.
 */
export const CONSOLE_SCRIPT = String.raw`
"use strict";
const ENTRY_LIMIT = 500, HEX_BYTES = 64, TEXT_CHARACTERS = 10000, HISTORY_LIMIT = 100;
const CODES = {
  1000: "normal", 1001: "going away", 1002: "protocol error", 1003: "unsupported data",
  1005: "no code", 1006: "connection lost", 1007: "invalid data", 1008: "policy violation",
  1009: "message too big", 1010: "extension missing", 1011: "server error", 1012: "restart",
  1013: "try again later", 1014: "bad gateway", 1015: "TLS failure",
};
const $ = (id) => document.getElementById(id);
const encoder = new TextEncoder();
const texts = [];
let recalled = 0, draft = "";
let socket = null;
let follows = true, unseen = 0;
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

// ---------------------------------------------------------------- the log
function add(kind, way, facts, body, link) {
  const entry = make("li", kind, "");
  const meta = make("div", "meta", "");
  meta.append(make("span", "way", way), make("time", "", clock()));
  for (const fact of facts) meta.append(make("span", "", fact));
  if (link) meta.append(link);
  entry.append(meta);
  if (body !== undefined) entry.append(make("pre", "", body));
  const log = $("log");
  log.append(entry);
  while (log.childElementCount > ENTRY_LIMIT) drop(log.firstElementChild);
  if (follows) log.scrollTop = log.scrollHeight;
  else unseen++;
  showCounts();
}
function drop(entry) {
  const link = entry.querySelector("a");
  if (link) URL.revokeObjectURL(link.href);
  entry.remove();
}
function showCounts() {
  $("latest").hidden = follows;
  $("latest").textContent = unseen > 0 ? "↓ " + unseen + " new" : "↓ Latest";
  $("count").textContent = total.in + total.out === 0
    ? "No messages yet"
    : "↑ " + total.out.toLocaleString("en") + " sent, ↓ " + total.in.toLocaleString("en") +
      " received";
}
function note(text, bad) {
  add(bad ? "note bad" : "note", bad ? "! event" : "• event", [], text);
}
function download(blob, name) {
  const link = make("a", "", "Download");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  return link;
}
function showText(way, text) {
  const long = text.length > TEXT_CHARACTERS;
  const link = long ? download(new Blob([text]), "message-" + total[way] + ".txt") : undefined;
  const shown = long ? text.slice(0, TEXT_CHARACTERS) + "…" : text;
  add(way, way === "in" ? "↓ received" : "↑ sent",
    ["text", plural(encoder.encode(text).length, "byte")], shown, link);
}
function showBytes(way, head, blob, name) {
  let hex = Array.from(head, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  if (blob.size > head.length) hex += " …";
  add(way, way === "in" ? "↓ received" : "↑ sent",
    ["binary", plural(blob.size, "byte")].concat(way === "out" ? [name] : []), hex,
    download(blob, name));
}

// --------------------------------------------------------- the connection
function setState(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text;
  const open = state === "open", idle = state === "closed" || state === "lost";
  for (const id of ["send", "attach"]) $(id).disabled = !open;
  $("close").disabled = idle || state === "closing";
  $("connect").textContent = idle ? "Connect" : "Disconnect";
  $("connect").disabled = state === "closing";
}
function connect() {
  if (socket) leave(1000);
  const protocols = $("protocols").value.split(/[\s,]+/).filter(Boolean);
  let opened;
  try {
    opened = new WebSocket($("url").value.trim(), protocols);
  } catch (error) {
    socket = null;
    setState("closed", "Not connected");
    return note("Cannot connect: " + error.message, true);
  }
  const url = opened.url;
  socket = opened;
  opened.binaryType = "arraybuffer";
  setState("connecting", "Connecting…");
  opened.onopen = () => {
    const protocol = opened.protocol === "" ? "" : ", protocol " + opened.protocol;
    note("Connected to " + url + protocol);
    if (opened === socket) {
      setState("open", "Open" + protocol);
      // Not where that brings up a keyboard on the screen.
      if (matchMedia("(pointer: fine)").matches) $("text").focus({ preventScroll: true });
    }
  };
  opened.onmessage = ({ data }) => {
    total.in++;
    if (typeof data === "string") return showText("in", data);
    const head = new Uint8Array(data, 0, Math.min(HEX_BYTES, data.byteLength));
    showBytes("in", head, new Blob([data]), "message-" + total.in + ".bin");
  };
  opened.onclose = ({ code, reason, wasClean }) => {
    const named = code + (CODES[code] ? " (" + CODES[code] + ")" : "");
    note("Closed: " + named + (reason === "" ? ", no reason" : ", reason “" + reason + "”") +
      (wasClean ? ", clean" : ", not clean"), !wasClean);
    if (opened !== socket) return;
    socket = null;
    setState(wasClean ? "closed" : "lost", (wasClean ? "Closed " : "Lost ") + code);
  };
}
function leave(code, reason) {
  socket.close(code, reason);
  note("Closing with " + (code ?? "no code") + (reason ? ", reason “" + reason + "”" : ""));
  setState("closing", "Closing…");
}
function showRoute() {
  for (const button of document.querySelectorAll(".route")) {
    button.setAttribute("aria-pressed", String($("url").value === address(button.dataset.path)));
  }
}
function address(path) {
  return location.origin.replace(/^http/, "ws") + path;
}

// ---------------------------------------------------------------- sending
function ready() {
  if (socket && socket.readyState === WebSocket.OPEN) return true;
  note("Cannot send: not connected", true);
  return false;
}
function sendText() {
  if (!ready()) return;
  const text = $("text").value;
  socket.send(text);
  total.out++;
  showText("out", text);
  if (text !== "" && texts[texts.length - 1] !== text) texts.push(text);
  if (texts.length > HISTORY_LIMIT) texts.shift();
  recalled = texts.length;
  $("text").value = draft = "";
}
async function sendFiles(files) {
  for (const file of files) {
    let data;
    try {
      data = await file.arrayBuffer();
    } catch (error) {
      note("Cannot read " + file.name + ": " + error.message, true);
      continue;
    }
    if (!ready()) return;
    socket.send(data);
    total.out++;
    const head = new Uint8Array(data, 0, Math.min(HEX_BYTES, data.byteLength));
    showBytes("out", head, file, file.name);
  }
}
function recall(step) {
  const next = recalled + step;
  if (next < 0 || next > texts.length) return;
  if (recalled === texts.length) draft = $("text").value;
  recalled = next;
  $("text").value = next === texts.length ? draft : texts[next];
}

// ----------------------------------------------------------------- events
$("connection").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket) leave(1000);
  else connect();
});
for (const button of document.querySelectorAll(".route")) {
  button.addEventListener("click", () => {
    $("url").value = address(button.dataset.path);
    showRoute();
    connect();
  });
}
$("url").addEventListener("input", showRoute);
$("closing").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!socket) return;
  const code = $("code").value.trim();
  try {
    if (code === "") leave();
    else leave(Number(code), $("reason").value);
  } catch (error) {
    note("Cannot close: " + error.message, true);
  }
});
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  sendText();
});
$("text").addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const { value, selectionStart, selectionEnd } = event.target;
  const atStart = !value.slice(0, selectionStart).includes("\n");
  const atEnd = !value.slice(selectionEnd).includes("\n");
  if (event.key === "Enter" && !event.shiftKey) sendText();
  else if (event.key === "ArrowUp" && atStart) recall(-1);
  else if (event.key === "ArrowDown" && atEnd) recall(1);
  else return;
  event.preventDefault();
});
$("attach").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", async () => {
  await sendFiles(Array.from($("files").files));
  $("files").value = "";
});
let inside = 0;
const carriesFiles = (event) => event.dataTransfer.types.includes("Files");
document.addEventListener("dragenter", (event) => {
  if (carriesFiles(event)) document.body.classList.toggle("dropping", ++inside > 0);
});
document.addEventListener("dragleave", (event) => {
  if (carriesFiles(event)) document.body.classList.toggle("dropping", --inside > 0);
});
document.addEventListener("dragover", (event) => {
  if (carriesFiles(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  inside = 0;
  document.body.classList.remove("dropping");
  sendFiles(Array.from(event.dataTransfer.files));
});
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
$("more").open = matchMedia("(min-width: 52rem)").matches;
$("url").value = address(document.querySelector(".route").dataset.path);
showRoute();
`;
