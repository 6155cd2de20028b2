/** Tables for the terminal. */

import type { Row, Table } from "../results.ts";
import type { Ratio } from "../statistics.ts";

/** A number with three digits that count. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** A ratio and its spread. */
export function ratioText(ratio: Ratio | undefined): string {
  if (ratio === undefined) return "";
  return `${ratio.median.toFixed(2)} [${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}]`;
}

function percent(value: number | undefined): string {
  return value === undefined ? "" : `${Math.round(value * 100)} %`;
}

/** The columns that a table has something for. */
export function columns(table: Table): [title: string, read: (row: Row) => string][] {
  const all: [string, (row: Row) => string, unknown][] = [
    [table.name, (row) => row.name, true],
    [table.unit, (row) => row.error === undefined ? digits(row.median) : "failed", true],
    ["ratio to the peer", ({ ratio }) => ratioText(ratio), table.rows.some(({ ratio }) => ratio)],
    ["µs of CPU", ({ cost }) => cost?.toFixed(2) ?? "", table.rows.some(({ cost }) => cost)],
    ["ratio by CPU", (row) => ratioText(row.costRatio), table.rows.some((row) => row.costRatio)],
    ["peer", (row) => row.peer.replace(/@.*/, ""), table.rows.some(({ ratio }) => ratio)],
    ["p50 ms", (row) => row.p50?.toFixed(3) ?? "", table.rows.some(({ p50 }) => p50)],
    ["p99 ms", (row) => row.p99?.toFixed(3) ?? "", table.rows.some(({ p99 }) => p99)],
    ["busy", (row) => percent(row.busy), table.rows.some(({ busy }) => busy)],
    ["load busy", (row) => percent(row.loadBusy), table.rows.some(({ loadBusy }) => loadBusy)],
  ];
  return all.filter(([, , shown]) => shown).map(([title, read]) => [title, read]);
}

/** The whole table. */
export function tableText(table: Table): string {
  const shown = columns(table);
  const cells = [
    shown.map(([title]) => title),
    ...table.rows.map((row) => shown.map(([, read]) => read(row))),
  ];
  const widths = shown.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ")
  );
  return [table.title, lines[0], "-".repeat(lines[0].length), ...lines.slice(1)].join("\n");
}
