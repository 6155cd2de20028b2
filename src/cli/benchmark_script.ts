/**
 * The part of the benchmark page's script that asks, shows and draws.
 * @module
 */

/** JavaScript for the browser. */
export const BENCHMARK_SCRIPT = String.raw`
const $ = (id) => document.getElementById(id);
const MAX_SIZES = 64;
const NAMES = { send: "Send", receive: "Receive" };
let stop = null, results = [], planned = [], steps = 0;

function sizeText(bytes) {
  const units = ["B", "KiB", "MiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < 2) { bytes /= 1024; unit++; }
  return (bytes < 10 && unit > 0 ? +bytes.toFixed(2) : +bytes.toFixed(1)) + " " + units[unit];
}
function rateText(bytesPerSecond) {
  const rate = bytesPerSecond / 1e6;
  return rate.toFixed(rate < 10 ? 2 : rate < 100 ? 1 : 0);
}
function msText(ms) {
  return ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0);
}
function setState(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text;
  const running = state === "open";
  for (const id of ["send", "receive", "batch"]) $(id).disabled = running;
  for (const control of $("settings").querySelectorAll("input")) control.disabled = running;
  $("halt").disabled = !running;
  $("csv").disabled = results.length === 0;
}

// ------------------------------------------------------------------- settings
function sizesOf() {
  const start = $("start").valueAsNumber, end = $("stop").valueAsNumber;
  const factors = $("multipliers").value.split(/[\s,]+/).filter(Boolean).map(Number);
  const good = factors.length > 0 && factors.every((factor) => factor > 1 && factor <= 1024);
  $("multipliers").setCustomValidity(good ? "" : "Numbers above 1, with commas between");
  $("stop").setCustomValidity(end >= start ? "" : "Not below the start size");
  if (!good || !(start >= 1) || !(end >= start)) return [];
  const sizes = [];
  for (let size = start, i = 0; size <= end && sizes.length < MAX_SIZES; i++) {
    sizes.push(Math.floor(size));
    size *= factors[i % factors.length];
  }
  return sizes;
}
function showSizes() {
  const sizes = sizesOf();
  const list = sizes.length > 4
    ? [sizes[0], sizes[1]].map(sizeText).join(", ") + " … " + sizeText(sizes[sizes.length - 1])
    : sizes.map(sizeText).join(", ");
  $("sizes").textContent = sizes.length === 0
    ? "These sizes and multipliers do not fit."
    : sizes.length + (sizes.length === 1 ? " size: " : " sizes: ") + list;
}

// -------------------------------------------------------------------- running
function begin(kinds) {
  if (stop || !$("settings").reportValidity()) return;
  planned = sizesOf();
  const config = {
    url: $("url").value.trim(), kinds, sizes: planned, verify: $("verify").checked,
    sockets: $("sockets").valueAsNumber, iterations: $("iterations").valueAsNumber,
    warmUp: $("warmup").valueAsNumber,
  };
  results = results.filter(({ kind }) => !kinds.includes(kind));
  steps = kinds.length * planned.length;
  $("progress").max = steps;
  $("progress").value = 0;
  $("note").textContent = "";
  showResults();
  setState("open", "Connecting…");
  // On a phone the chart is below what was pressed.
  if (matchMedia("(max-width: 51.99rem)").matches) $("chart").scrollIntoView({ block: "center" });
  try {
    stop = $("worker").checked ? runInWorker(config) : runBenchmark(config, take);
  } catch (error) {
    finish("lost", "Cannot start: " + error.message);
  }
}
function runInWorker(config) {
  const glue = "\nlet stop;\nonmessage = ({ data }) => {\n" +
    "  if (data === null) stop();\n  else stop = runBenchmark(data, (event) => postMessage(event));\n};";
  const url = URL.createObjectURL(new Blob([$("engine").textContent + glue], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = ({ data }) => {
    take(data);
    if (data.type === "end" || data.type === "failed") worker.terminate();
  };
  worker.onerror = (event) => {
    worker.terminate();
    take({ type: "failed", message: event.message || "the worker cannot run here" });
  };
  URL.revokeObjectURL(url);
  worker.postMessage(config);
  return () => worker.postMessage(null);
}
function take(event) {
  if (!stop && event.type !== "begin") return finish("lost", event.message ?? "Stopped");
  if (event.done !== undefined) $("progress").value = event.done;
  if (event.type === "begin") {
    const step = Math.floor(event.done) + 1;
    setState("open", NAMES[event.kind] + " " + sizeText(event.size) + ", " + step + " of " + steps);
  } else if (event.type === "result") {
    results.push(event);
    showResults();
  } else if (event.type === "end") {
    finish(event.stopped ? "closed" : "done", event.stopped ? "Stopped" : "Done");
  } else if (event.type === "failed") {
    finish("lost", "Failed");
    $("note").textContent = "It failed: " + event.message + ".";
  }
}
function finish(state, text) {
  stop = null;
  if (state !== "done") $("progress").value = 0;
  setState(state, text);
}

// -------------------------------------------------------------------- results
function showResults() {
  const rows = results.map((it) => {
    const row = document.createElement("tr");
    const cells = [NAMES[it.kind], sizeText(it.size), rateText(it.bytesPerSecond),
      Math.round(it.messagesPerSecond).toLocaleString("en"), msText(it.meanMs),
      msText(it.minMs) + "–" + msText(it.maxMs)];
    cells.forEach((text, i) => {
      const cell = document.createElement(i < 2 ? "th" : "td");
      if (i < 2) cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    });
    row.className = it.kind;
    return row;
  });
  $("rows").replaceChildren(...rows);
  $("empty").hidden = rows.length > 0;
  $("csv").disabled = rows.length === 0;
  draw();
}
function shape(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
// A round number at or above another: 1, 2 or 5 times a power of ten.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((factor) => factor * power >= value) * power;
}
function draw() {
  const chart = $("chart"), width = Math.max(chart.clientWidth, 260), height = chart.clientHeight || 280;
  const left = 52, right = width - 14, top = 14, bottom = height - 42;
  const sizes = [...new Set([...planned, ...results.map(({ size }) => size)])].sort((a, b) => a - b);
  chart.setAttribute("viewBox", "0 0 " + width + " " + height);
  chart.replaceChildren();
  if (sizes.length === 0) return;
  const most = Math.max(...results.map(({ bytesPerSecond }) => bytesPerSecond / 1e6), 0);
  const step = roundUp((most || 4) / 4), high = step * Math.ceil((most || 4) / step);
  const first = Math.log2(sizes[0]), span = Math.log2(sizes[sizes.length - 1]) - first || 1;
  const x = (size) => sizes.length === 1
    ? (left + right) / 2
    : left + 8 + (Math.log2(size) - first) / span * (right - left - 16);
  const y = (rate) => bottom - rate / high * (bottom - top);
  for (let tick = 0; tick <= high + step / 2; tick += step) {
    chart.append(shape("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "grid" }));
    const text = +tick.toPrecision(3);
    chart.append(shape("text", { x: left - 7, y: y(tick) + 4, class: "tick end" }, text.toLocaleString("en")));
  }
  const apart = Math.max(1, Math.ceil(sizes.length * 58 / (right - left)));
  sizes.forEach((size, i) => {
    if (i % apart === 0) {
      chart.append(shape("text", { x: x(size), y: bottom + 18, class: "tick middle" }, sizeText(size)));
    }
  });
  chart.append(shape("text", { x: (left + right) / 2, y: height - 5, class: "tick middle" }, "message size"));
  for (const kind of ["send", "receive"]) {
    const points = results.filter((it) => it.kind === kind).sort((a, b) => a.size - b.size)
      .map((it) => [x(it.size), y(it.bytesPerSecond / 1e6), it]);
    chart.append(shape("polyline", { points: points.map(([a, b]) => a + "," + b).join(" "), class: kind }));
    for (const [cx, cy, it] of points) {
      const mark = kind === "send"
        ? shape("circle", { cx, cy, r: 4.5, class: kind })
        : shape("rect", { x: cx - 4, y: cy - 4, width: 8, height: 8, class: kind });
      mark.append(shape("title", {}, NAMES[kind] + " " + sizeText(it.size) + ": " +
        rateText(it.bytesPerSecond) + " MB/s"));
      chart.append(mark);
    }
  }
  const best = results.reduce((a, b) => a && a.bytesPerSecond >= b.bytesPerSecond ? a : b, null);
  chart.setAttribute("aria-label", best
    ? "Throughput by message size; the best is " + rateText(best.bytesPerSecond) + " MB/s, " +
      NAMES[best.kind].toLowerCase() + " at " + sizeText(best.size) + ". The table has all values."
    : "Throughput by message size; nothing is measured yet.");
}
function saveCsv() {
  const keys = ["kind", "size", "sockets", "iterations", "meanMs", "minMs", "maxMs",
    "messagesPerSecond", "bytesPerSecond"];
  const lines = results.map((it) => keys.map((key) => it[key]).join(","));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([keys.join(",") + "\n" + lines.join("\n") + "\n"],
    { type: "text/csv" }));
  link.download = "benchmark.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// --------------------------------------------------------------------- events
$("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  begin(["send", "receive"]);
});
$("send").addEventListener("click", () => begin(["send"]));
$("receive").addEventListener("click", () => begin(["receive"]));
$("halt").addEventListener("click", () => {
  if (stop) stop();
});
$("csv").addEventListener("click", saveCsv);
for (const id of ["start", "stop", "multipliers"]) $(id).addEventListener("input", showSizes);
new ResizeObserver(draw).observe($("chart"));
$("url").value = location.origin.replace(/^http/, "ws") +
  location.pathname.replace(/[^/]*$/, "benchmark_helper");
planned = sizesOf();
showSizes();
setState("closed", "Ready");
draw();
`;
