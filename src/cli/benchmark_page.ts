/**
 * The benchmark page.
 * @module
 */

import { BENCHMARK_ENGINE_SCRIPT } from "./benchmark_engine_script.ts";
import { BENCHMARK_SCRIPT } from "./benchmark_script.ts";
import { BENCHMARK_STYLE } from "./benchmark_style.ts";
import { escapeHtml, makePage } from "./page.ts";

function numberField(
  id: string,
  label: string,
  value: number,
  range: readonly [least: number, most: number],
): string {
  return `<div class="field">
          <label for="${id}">${label}</label>
          <input id="${id}" type="number" inputmode="numeric" required value="${value}"
            min="${range[0]}" max="${range[1]}" step="1">
        </div>`;
}

function body(maxBytes: number, consoleHref: string): string {
  return `<header>
  <h1>fullduplex <span>benchmark</span></h1>
  <nav aria-label="Pages"><a href="${escapeHtml(consoleHref)}">Console</a></nav>
  <p id="state" role="status" data-state="closed">Ready</p>
</header>
<main>
  <div class="side card">
    <form id="settings" aria-label="Settings">
      <div class="field">
        <label for="url">Address of a benchmark helper</label>
        <input id="url" inputmode="url" autocomplete="off" autocapitalize="off" spellcheck="false"
          required>
      </div>
      <div class="grid2">
        ${numberField("sockets", "Sockets", 1, [1, 100])}
        ${numberField("iterations", "Iterations", 20, [1, 10_000])}
        ${numberField("warmup", "Warm-up iterations", 5, [0, 1000])}
        <div class="field">
          <label for="multipliers">Multipliers</label>
          <input id="multipliers" autocomplete="off" required value="4" aria-describedby="sizes">
        </div>
        ${numberField("start", "Start size in bytes", 1024, [1, maxBytes])}
        ${numberField("stop", "Stop size in bytes", 4_194_304, [1, maxBytes])}
      </div>
      <p id="sizes" class="about"></p>
      <div class="grid2">
        <label class="check"><input id="verify" type="checkbox" checked> Verify data</label>
        <label class="check"><input id="worker" type="checkbox"> Use a worker</label>
      </div>
      <div class="buttons">
        <button id="send" type="button">Send</button>
        <button id="receive" type="button">Receive</button>
        <button id="batch" class="primary">Batch: both</button>
        <button id="halt" type="button" disabled>Stop</button>
      </div>
    </form>
    <noscript><p>The benchmark needs JavaScript.</p></noscript>
  </div>
  <div class="results">
    <section class="card" aria-labelledby="chart-title">
      <div class="top">
        <h2 id="chart-title">Throughput in MB/s</h2>
        <ul class="legend"><li class="send">Send</li><li class="receive">Receive</li></ul>
      </div>
      <svg id="chart" role="img" aria-label="Throughput by message size"></svg>
      <progress id="progress" value="0" max="1" aria-label="Progress"></progress>
      <p id="note" role="alert"></p>
    </section>
    <section class="card" aria-labelledby="table-title">
      <div class="top">
        <h2 id="table-title">Results <span>times in ms</span></h2>
        <button id="csv" type="button" disabled>Save CSV</button>
      </div>
      <div class="table" tabindex="0" role="region" aria-labelledby="table-title">
        <table>
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col">Size</th>
              <th scope="col">MB/s</th>
              <th scope="col"><abbr title="Messages per second">Msg/s</abbr></th>
              <th scope="col">Mean</th>
              <th scope="col">Min–max</th>
            </tr>
          </thead>
          <tbody id="rows"></tbody>
        </table>
      </div>
      <p id="empty">Nothing is measured yet. An iteration is one message on every socket, with its
        answer; all times include the way there and back.</p>
    </section>
  </div>
</main>`;
}

/**
 * Makes the benchmark page.
 *
 * @param maxBytes The largest message that the server's helper takes and makes.
 * @param consoleHref Where the console page is.
 */
export function benchmarkPage(maxBytes: number, consoleHref: string): Promise<Response> {
  return makePage({
    title: "fullduplex benchmark",
    style: BENCHMARK_STYLE,
    body: body(maxBytes, consoleHref),
    scripts: [{ id: "engine", text: BENCHMARK_ENGINE_SCRIPT }, { text: BENCHMARK_SCRIPT }],
    workers: true,
  });
}
