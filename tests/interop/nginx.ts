/**
 * nginx as a reverse proxy on a port of its own, with everything it writes in a folder of its own.
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { sleep, until } from "../adapters/support/waiting.ts";
import { freePort } from "../support/free_port.ts";

/** What of the proxy a test chooses. */
export interface ProxyOptions {
  /** Whether it speaks TLS with its clients. */
  tls?: boolean;
  /** After how many seconds without a byte from the server it gives up. Default: 60. */
  readTimeoutS?: number;
  /** Whether it passes the Host field on, as for WebSocket it should. Default: `true`. */
  passHost?: boolean;
}

/** A running proxy. */
export interface Proxy {
  port: number;
  /** Where its clients connect. */
  url: string;
  /** The scheme, host and port that a browser's page from it would have. */
  origin: string;
  /** Starts new workers; the old ones go, with their connections, after a second. */
  reload(): Promise<void>;
  /** Ends it: at once, or when its connections are over. */
  stop(signal?: "SIGTERM" | "SIGQUIT"): Promise<void>;
}

/** Finds nginx; Debian puts it where only root's PATH looks. */
export function findNginx(): string | undefined {
  const folders = (process.env.PATH ?? "").split(":");
  for (const folder of [...folders, "/usr/sbin", "/usr/local/sbin"]) {
    try {
      accessSync(`${folder}/nginx`, constants.X_OK);
      return `${folder}/nginx`;
    } catch {
      // Not here.
    }
  }
}

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

function config(folder: string, port: number, upstream: number, options: ProxyOptions): string {
  const { tls = false, readTimeoutS = 60, passHost = true } = options;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`);
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
worker_shutdown_timeout 1s;
pid ${folder}/pid;
error_log ${folder}/error.log notice;
events { worker_connections 256; }
http {
  access_log off;
  ${temporary.join("\n  ")}
  map $http_upgrade $connection_upgrade { default upgrade; "" close; }
  server {
    listen 127.0.0.1:${port}${tls ? " ssl" : ""};
    ${
    tls ? `ssl_certificate ${fixture("cert.pem")}; ssl_certificate_key ${fixture("key.pem")};` : ""
  }
    location / {
      proxy_pass http://127.0.0.1:${upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      ${passHost ? "proxy_set_header Host $http_host;" : ""}
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout ${readTimeoutS}s;
    }
  }
}
`;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/**
 * Starts nginx in front of a server.
 *
 * @param nginx Where it is installed.
 * @param upstream The server's port on this machine.
 */
export async function startNginx(
  nginx: string,
  upstream: number,
  options: ProxyOptions = {},
): Promise<Proxy> {
  // nginx cannot be told to choose a port, and the one found free may be taken meanwhile.
  for (let attempt = 1;; attempt++) {
    const folder = mkdtempSync(`${tmpdir()}/fullduplex-nginx-`);
    const port = await freePort();
    mkdirSync(`${folder}/logs`);
    writeFileSync(`${folder}/nginx.conf`, config(folder, port, upstream, options));
    const args = ["-p", folder, "-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`];
    const child = spawn(nginx, args, { stdio: "ignore" });
    const log = () => readFileSync(`${folder}/error.log`, "utf8");
    const ended = new Promise<void>((resolve) => {
      child.once("error", () => resolve());
      child.once("close", () => resolve());
    });
    let over = false;
    ended.then(() => over = true);
    while (!over && !await answers(port)) await sleep(20);
    if (!over) return proxyOf(child, ended, folder, port, log, options.tls === true);
    const why = log();
    rmSync(folder, { recursive: true });
    if (attempt === 5 || !why.includes("Address already in use")) {
      throw new Error(`nginx did not start: ${why}`);
    }
  }
}

function proxyOf(
  child: ChildProcess,
  ended: Promise<void>,
  folder: string,
  port: number,
  log: () => string,
  tls: boolean,
): Proxy {
  const workers = () => log().split("start worker process ").length - 1;
  let stopped: Promise<void> | undefined;
  return {
    port,
    url: `${tls ? "wss" : "ws"}://127.0.0.1:${port}`,
    origin: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    async reload() {
      const before = workers();
      process.kill(child.pid!, "SIGHUP");
      await until(() => workers() > before, "new worker");
    },
    stop(signal = "SIGTERM") {
      return stopped ??= (async () => {
        process.kill(child.pid!, signal);
        const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
        await ended;
        clearTimeout(timer);
        rmSync(folder, { recursive: true });
      })();
    },
  };
}
