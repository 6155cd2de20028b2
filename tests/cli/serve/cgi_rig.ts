/**
 * Folders of programs, served.
 */
import { readFileSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import process from "node:process";
import { until } from "../../adapters/support/waiting.ts";
import { type Folder, makeFolder, type Served, startServe } from "./rig.ts";

/** Why there is nothing to run. */
export const skip = process.platform === "win32" && "Windows has no such programs";

/** A served folder of programs. */
export interface Programs extends AsyncDisposable {
  readonly folder: Folder;
  readonly server: Served;
  readonly port: number;
  /** The address of a program. */
  url(path: string): string;
  /** Asks for a program. */
  get(path: string, init?: RequestInit): Promise<Response>;
  /** Reads a number that a program has written into a file of the folder. */
  number(name: string): Promise<number>;
}

/** What every program of plain text begins with. */
export const PLAIN = "printf 'Content-Type: text/plain\\n\\n'";

/**
 * Serves shell scripts.
 *
 * @param scripts The scripts by their names, without the first line.
 * @param args More arguments; `FOLDER` stands for the folder above `cgi-bin`.
 */
export async function servePrograms(
  scripts: Record<string, string>,
  ...args: string[]
): Promise<Programs> {
  const folder = await makeFolder({ "handlers/h.js": "export default () => {};" });
  for (const [name, script] of Object.entries(scripts)) {
    const text = script.startsWith("#!") ? script : `#!/bin/sh\n${script}\n`;
    await folder.write({ [`cgi-bin/${name}`]: text });
    await chmod(`${folder.path}/cgi-bin/${name}`, 0o755);
  }
  const server = await startServe(
    ...["--cgi", `${folder.path}/cgi-bin`],
    ...args.map((arg) => arg.replace("FOLDER", folder.path)),
    `${folder.path}/handlers`,
  );
  const { port } = server;
  const url = (path: string) => `http://127.0.0.1:${port}/cgi-bin/${path}`;
  return {
    folder,
    server,
    port,
    url,
    get: (path, init) => fetch(url(path), { redirect: "manual", ...init }),
    async number(name) {
      let text = "";
      const read = async () => {
        text = await readFile(`${folder.path}/${name}`, "utf8").catch(() => "");
      };
      await read();
      await until(() => {
        void read();
        return /^\d+\n$/.test(text);
      }, `number in ${name}`);
      return Number(text);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Tells whether a process is there, and no more than a line in a table. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return process.platform !== "linux"; // Linux has no line of it any more
  }
}
