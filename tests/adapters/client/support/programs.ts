/**
 * Real proxies, where they are installed.
 * @module
 */

import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import process from "node:process";
import { freePort } from "../../../support/free_port.ts";
import { sleep } from "../../support/waiting.ts";

/** Finds a program in the path. */
function find(name: string): string | undefined {
  return (process.env.PATH ?? "").split(":").map((folder) => `${folder}/${name}`)
    .find((file) => fs.existsSync(file));
}

/** Why a program's tests are skipped, or `false` where it is installed. */
export function missing(name: string): string | false {
  return find(name) === undefined ? `${name} is not installed` : false;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** A program that listens. */
export interface Program {
  port: number;
  stop(): Promise<void>;
}

/** Starts a program on a port that was free a moment ago; when it has been taken, on another. */
async function start(name: string, args: (port: number) => string[]): Promise<Program> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    const child = spawn(find(name)!, args(port), { stdio: "ignore" });
    let over = false;
    const ended = new Promise<void>((resolve) => {
      child.on("error", () => resolve());
      child.on("close", () => resolve());
    }).then(() => void (over = true));
    const stop = async () => {
      child.kill("SIGKILL");
      await ended;
    };
    for (const deadline = performance.now() + 10_000; performance.now() < deadline && !over;) {
      if (await answers(port)) return { port, stop };
      await sleep(20);
    }
    await stop();
  }
  throw new Error(`${name} does not start`);
}

/** Starts tinyproxy, an HTTP proxy. */
export async function startTinyproxy(auth?: [user: string, password: string]): Promise<Program> {
  const folder = fs.mkdtempSync(`${os.tmpdir()}/fullduplex-tinyproxy-`);
  const file = `${folder}/tinyproxy.conf`;
  const program = await start("tinyproxy", (port) => {
    fs.writeFileSync(
      file,
      [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Timeout 60",
        "MaxClients 50",
        "Allow 127.0.0.1",
        `LogFile "${folder}/log"`,
        ...auth === undefined ? [] : [`BasicAuth ${auth.join(" ")}`],
        "",
      ].join("\n"),
    );
    return ["-d", "-c", file];
  });
  return {
    port: program.port,
    async stop() {
      await program.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts microsocks, a SOCKS5 proxy. */
export function startMicrosocks(auth?: [user: string, password: string]): Promise<Program> {
  const login = auth === undefined ? [] : ["-u", auth[0], "-P", auth[1]];
  return start("microsocks", (port) => ["-i", "127.0.0.1", "-p", String(port), ...login]);
}
