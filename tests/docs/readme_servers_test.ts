/**
 * The README's servers, run as they stand there: each in a process of its own, on its runtime, and
 * spoken to by a client.
 */
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { connect } from "../../src/adapters/client.ts";
import { repository_root } from "../house/repository_root.ts";
import { freePort } from "../support/free_port.ts";

const runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node";

/** The README's block that is written to `name`. */
function block(readme: string, name: string): string {
  const found = readme.match(new RegExp(`\`\`\`\\w+ [^\\n]*file=${name}\\n([^]*?)\`\`\``));
  if (found === null) throw new Error(`Cannot find the README's block for ${name}`);
  return found[1];
}

/** The command that runs a file of `folder` on this runtime, with the package's names known. */
async function command(folder: string, file: string): Promise<string[]> {
  const root = repository_root();
  const { name, exports } = JSON.parse(await readFile(`${root}/deno.json`, "utf8"));
  const entries = Object.entries(exports as Record<string, string>);
  if (runtime === "deno") {
    const imports = Object.fromEntries(
      entries.map(([key, path]) => [key.replace(".", name), `file://${root}/${path.slice(2)}`]),
    );
    await writeFile(`${folder}/import_map.json`, JSON.stringify({ imports }));
    const flags = ["run", "-A", "--no-check", "--no-lock", "--import-map=import_map.json"];
    return [process.execPath, ...flags, file];
  }
  if (runtime === "bun") {
    const paths = Object.fromEntries(
      entries.map(([key, path]) => [key.replace(".", name), [`${root}/${path.slice(2)}`]]),
    );
    await writeFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions: { paths } }));
    return [process.execPath, file];
  }
  // The package under test is a module that this test could import by name: link the same one.
  const manifest = fileURLToPath(import.meta.resolve("fullduplex/package.json"));
  await mkdir(`${folder}/node_modules`);
  await symlink(dirname(manifest), `${folder}/node_modules/fullduplex`);
  return [process.execPath, file];
}

/** Connects as soon as the server listens. */
async function connectSoon(url: string, server: ChildProcess) {
  for (let tries = 0;; tries++) {
    try {
      return await connect(url, { closeTimeoutMs: 2000 });
    } catch (error) {
      if (tries === 100 || server.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test(`the README's server for ${runtime} echoes`, async () => {
  const readme = await readFile(`${repository_root()}/README.md`, "utf8");
  const file = runtime === "node" ? "server_node.mjs" : `server_${runtime}.ts`;
  const folder = await mkdtemp(`${tmpdir()}/fullduplex-readme-`);
  const port = await freePort();
  const code = block(readme, file);
  assert(code.includes("8080"));
  await writeFile(`${folder}/${file}`, code.replaceAll("8080", String(port)));
  await writeFile(`${folder}/echo.ts`, block(readme, "echo.ts"));
  const [program, ...args] = await command(folder, file);
  const server = spawn(program, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  const exited = new Promise((resolve) => server.once("exit", resolve));
  try {
    const socket = await connectSoon(`ws://localhost:${port}/`, server);
    socket.send("hello from the README");
    const { value } = await socket[Symbol.asyncIterator]().next();
    assertEquals(value, "hello from the README");
    await socket.close();
  } finally {
    server.kill("SIGKILL");
    await exited;
    await rm(folder, { recursive: true, force: true });
  }
});
