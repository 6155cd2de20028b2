/**
 * The console page's script.
 * @module
 */

/** JavaScript for the browser: the connection and what is sent. The log's part comes before. */
export const CONSOLE_SCRIPT = String.raw`
const HISTORY_LIMIT = 100;
const CODES = {
  1000: "normal", 1001: "going away", 1002: "protocol error", 1003: "unsupported data",
  1005: "no code", 1006: "connection lost", 1007: "invalid data", 1008: "policy violation",
  1009: "message too big", 1010: "extension missing", 1011: "server error", 1012: "restart",
  1013: "try again later", 1014: "bad gateway", 1015: "TLS failure",
};
const texts = [];
let recalled = 0, draft = "";
let socket = null;

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
  opened.binaryType = $("type").value;
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
    const name = "message-" + total.in + ".bin";
    if (data instanceof Blob) {
      const entry = showBytes("in", new Uint8Array(0), data, name, ["Blob"]);
      data.slice(0, DUMP_BYTES).arrayBuffer().then((head) => {
        entry.source.bytes = new Uint8Array(head);
        render(entry);
      });
    } else showBytes("in", new Uint8Array(data.slice(0, DUMP_BYTES)), new Blob([data]), name, []);
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
  const list = $("route");
  if (list) {
    const known = Array.from(list.options).find(({ value }) => address(value) === $("url").value);
    list.value = known ? known.value : "";
    $("about").textContent = known ? known.dataset.about : "";
  }
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
  if ($("kind").value === "hex") {
    const digits = text.replace(/0x|[\s,:]/gi, "");
    if (!/^([0-9a-f]{2})*$/i.test(digits)) {
      return note("Cannot send: hex bytes are pairs of the digits 0 to 9 and a to f", true);
    }
    const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    socket.send(bytes);
    total.out++;
    showBytes("out", bytes.slice(0, DUMP_BYTES), new Blob([bytes]), "sent-" + total.out + ".bin", []);
  } else {
    socket.send(text);
    total.out++;
    showText("out", text);
  }
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
    showBytes("out", new Uint8Array(data.slice(0, DUMP_BYTES)), file, file.name, [file.name]);
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
$("route")?.addEventListener("change", () => {
  $("url").value = address($("route").value);
  showRoute();
});
$("type").addEventListener("change", () => {
  if (socket) socket.binaryType = $("type").value;
});
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
$("more").open = matchMedia("(min-width: 52rem)").matches;
$("url").value = address($("route")?.value ?? document.querySelector(".route").dataset.path);
showRoute();
`;
