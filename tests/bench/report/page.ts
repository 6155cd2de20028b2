/**
 * The results as one page that needs nothing else: charts, tables, how it was measured.
 * @module
 */

import type { Results, Row, Table } from "../results.ts";
import { quantile } from "../statistics.ts";
import { style } from "./style.ts";
import { columns, digits, ratioText } from "./text.ts";

const BAR = 22;
const GAP = 10;
const LABEL = 20;
const WIDTH = 640;

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Ours, the one that it is compared with, or another. */
function role(row: Row): "own" | "peer" | "other" {
  if (row.name.startsWith("fullduplex") || row.runtime === "") return "own";
  return row.name === row.peer ? "peer" : "other";
}

/** One bar per row; the whisker spans the middle half of the rounds. */
function chart(table: Table): string {
  const rows = table.rows.filter(({ median }) => Number.isFinite(median));
  const most = Math.max(
    ...rows.flatMap(({ rounds, median }) => [quantile(rounds, 0.75), median]),
    0,
  );
  if (most <= 0) return "";
  const scale = (value: number) => Math.max(0, value / most) * (WIDTH - 2);
  const step = LABEL + BAR + GAP;
  const bars = rows.map((row, i) => {
    const top = i * step;
    const middle = top + LABEL + BAR / 2 + 2;
    const [low, high] = [0.25, 0.75].map((part) => scale(quantile(row.rounds, part)));
    const compared = row.ratio === undefined || row.name === row.peer
      ? ""
      : `  ×${ratioText(row.ratio).split(" ")[0]}`;
    const text = `${digits(row.median)} ${table.unit}${compared}`;
    return `<g class="${role(row)}"><title>${escape(`${row.name}: ${text}`)}</title>` +
      `<text x="0" y="${top + LABEL - 3}">${escape(row.name)}</text>` +
      `<text x="${WIDTH}" y="${top + LABEL - 3}" text-anchor="end">${escape(text)}</text>` +
      `<rect class="rail" x="0" y="${top + LABEL + 2}" width="${WIDTH}" height="${BAR}" rx="3"/>` +
      `<rect class="bar" x="0" y="${top + LABEL + 2}" width="${scale(row.median).toFixed(1)}" ` +
      `height="${BAR}" rx="3"/>` +
      (row.rounds.length < 2
        ? ""
        : `<path class="whisker" d="M${low.toFixed(1)} ${middle}H${high.toFixed(1)}M${
          low.toFixed(1)
        } ${middle - 5}v10M${high.toFixed(1)} ${middle - 5}v10"/>`) +
      `</g>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${rows.length * step}" role="img" ` +
    `aria-label="${escape(table.title)}">${bars.join("")}</svg>`;
}

function tableHtml(table: Table): string {
  const shown = columns(table);
  const head = shown.map(([title]) => `<th scope="col">${escape(title)}</th>`).join("");
  const body = table.rows.map((row) =>
    `<tr class="${role(row)}">${
      shown.map(([, read], i) =>
        i === 0 ? `<th scope="row">${escape(read(row))}</th>` : `<td>${escape(read(row))}</td>`
      ).join("")
    }</tr>`
  ).join("\n");
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function section(table: Table): string {
  const direction = table.more ? "longer is better" : "shorter is better";
  return `<section id="${escape(table.name)}">
<h2>${escape(table.name)}</h2>
<p>${escape(table.title)}; ${direction}</p>
${chart(table)}
<details><summary>numbers</summary>${tableHtml(table)}</details>
</section>`;
}

/** The ratios of ours at a glance: workloads down, servers across. */
function overview({ tables }: Results): string {
  const compared = tables.filter(({ rows, more }) => more && rows.some(({ ratio }) => ratio));
  const names = [
    ...new Set(
      compared.flatMap(({ rows }) =>
        rows.filter((row) => row.ratio && row.name !== row.peer && role(row) === "own").map((row) =>
          row.name
        )
      ),
    ),
  ];
  if (names.length === 0) return "";
  const cell = (table: Table, name: string): string => {
    const row = table.rows.find((row) => row.name === name);
    if (row?.ratio === undefined) return "<td></td>";
    const { median } = row.ratio;
    const grade = median >= 1.05 ? "ahead" : median <= 0.95 ? "behind" : "even";
    const title = `${ratioText(row.ratio)} of ${row.peer}`;
    return `<td class="${grade}" title="${escape(title)}">${median.toFixed(2)}</td>`;
  };
  const head = compared.map(({ name }) => `<th><a href="#${name}">${escape(name)}</a></th>`);
  const lines = names.map((name) =>
    `<tr><th scope="row">${escape(name)}</th>${
      compared.map((table) => cell(table, name)).join("")
    }</tr>`
  );
  return `<section><h2>Over the peer</h2>
<p>Times as fast as the peer in the same rounds: <code>ws</code> on Node, the runtime's own WebSocket
on Deno and Bun; for the streams, <code>serve()</code>.</p>
<div class="scroll"><table class="overview"><thead><tr><th></th>${head.join("")}</tr></thead>
<tbody>${lines.join("\n")}</tbody></table></div></section>`;
}

/** Makes the page. */
export function page(results: Results): string {
  const { machine, rounds, seconds, date, command } = results;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fullduplex: benches</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<h1>fullduplex: benches</h1>
<p>${escape(date.slice(0, 16).replace("T", " "))} UTC · <code>${escape(command)}</code></p>
<p>${escape(machine.cpu)}, ${machine.cores} cores, ${escape(machine.os)}${
    machine.pinned ? "; server and load pinned to a core each" : "; nothing pinned"
  }. ${escape(versions.join(", "))}.</p>
<p>Medians of ${rounds} interleaved rounds of ${seconds} s; whiskers show the middle half.</p>
<p class="legend"><span class="own">fullduplex</span> <span class="peer">the peer</span>
<span class="other">others</span></p>
</header>
${overview(results)}
${results.tables.map(section).join("\n")}
</main>
</body>
</html>
`;
}
