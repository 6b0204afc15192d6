// The table: a row for each thing measured, a column for each contender.
import { readFileSync, writeFileSync } from "node:fs";

const ROWS = [
  ["startWhileDown", "starts while the provider is down", "yes"],
  ["cold", "100 concurrent first requests: metadata and key fetches", "1 and 1, 100 served"],
  ["floodRate", "good tokens/s at most → flood of unknown kids, answers/s", "half of it"],
  ["floodFetches", "… fetches in the worst minute", "≤ 14"],
  ["floodRefused", "… good tokens refused", "0"],
  ["floodLatency", "… good tokens' p99, idle → flood", "≤ 2 ×"],
  ["floodRotation", "… a rotation amidst: new key accepted", "within 5 s"],
  ["rotation", "rotation 1 s after a fetch, 200 requests/s: new key accepted", "at once; 0 refused"],
  ["outage", "outage: known kids served; attempts", "100 %; backing off"],
  ["outageRefresh", "outage in which a refresh falls due", "100 %; backing off"],
  ["hang", "provider hangs: a request that needs it", "≤ 5.1 s"],
  ["hangLatency", "… known kids' p99, idle → meanwhile", "≤ 2 ×, all served"],
  ["drip", "provider drips: a request that needs it", "≤ 5.1 s"],
  ["dripLatency", "… known kids' p99, idle → meanwhile", "≤ 2 ×, all served"],
  ["big", "256 MiB key set", "refused ≤ 1 s, < 2 MiB"],
  ["bomb", "gzip bomb, 256 MiB in 256 KiB", "refused ≤ 1 s, < 2 MiB"],
  ["empty", "empty key set: old keys serve", "all"],
  ["html", "HTML: old keys serve", "all"],
  ["truncated", "truncated JSON: old keys serve", "all"],
  ["manyKeys", "10,000 keys: old keys serve", "all"],
  ["wrongIssuer", "metadata of another issuer: old keys serve", "all"],
  ["recoveryCold", "provider back after 8 s, no keys yet: good token served", "within 5 s"],
  ["recoveryRotated", "provider back after 8 s with a new key: its token served", "within 5 s"],
];

const DOCUMENT = new URL("../../../docs/reliability.md", import.meta.url);
const [BEGIN, END] = ["<!-- measured -->", "<!-- /measured -->"];

export class Report {
  #cells = new Map();
  #details = [];

  constructor(columns) {
    this.columns = columns;
  }

  cell(row, column, text) {
    if (!ROWS.some(([name]) => name === row)) throw new Error(`no row ${row}`);
    this.#cells.set(`${row} ${column}`, String(text));
    console.error(`  ${row}, ${column}: ${text}`);
  }

  /// What explains a cell, and is no part of the table.
  detail(text) {
    this.#details.push(text);
    console.error(`  ${text}`);
  }

  table() {
    const line = (cells) => `| ${cells.join(" | ")} |`;
    const rows = ROWS.map(([row, title, target]) => {
      const cells = this.columns.map((column) => this.#cells.get(`${row} ${column}`) ?? "not measured");
      return line([title, target, ...cells]);
    });
    return [line(["behaviour", "target", ...this.columns]), line(["---", "---", ...this.columns.map(() => "---")]), ...rows].join("\n");
  }

  /// Prints the table, and puts it into the document between its two marks if told to.
  finish(measured, { write }) {
    const text = `Measured ${measured}.\n\n${this.table()}`;
    console.log(text);
    if (!write) return;
    const [before, rest] = readFileSync(DOCUMENT, "utf8").split(BEGIN);
    const after = rest?.split(END)[1];
    if (after === undefined) throw new Error(`docs/reliability.md has no ${BEGIN} … ${END}`);
    writeFileSync(DOCUMENT, `${before}${BEGIN}\n${text}\n${END}${after}`);
  }
}
