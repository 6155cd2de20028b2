/**
 * Tests the documentation: the code blocks of the Markdown files and of all JSDoc are
 * type-checked, against the package's own names, and run (see doc_blocks.ts for the marks).
 *
 * `deno run -A scripts/test_docs.ts [files]`, default: README.md, npm/README.md, mod.ts and src/.
 */
import type { Counts } from "./counts.ts";
import { doc_blocks, type DocBlock, with_own_exports } from "./doc_blocks.ts";
import { exists, list_files, read_manifest } from "./manifest.ts";
import { bun, ROOT, run } from "./run.ts";
import { import_map_flags } from "./std_import_map.ts";
import { install_tools, MODULES } from "./tools.ts";

const RUN_TIMEOUT_MS = 20_000;

interface Sample extends DocBlock {
  path: string;
}

/** Writes the blocks as files; those of one source share a folder. */
async function write_samples(sources: string[], folder: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const source of sources) {
    const text = await Deno.readTextFile(`${ROOT}/${source}`);
    for (const block of doc_blocks(source, text)) {
      const place = `${folder}/${source.replaceAll(/[^\w]/g, "_")}`;
      const file = block.name ?? `line_${block.place.split(":")[1]}.${block.extension}`;
      const code = source.endsWith(".md")
        ? block.code
        : with_own_exports(block, text, `file://${ROOT}/${source}`);
      // An empty export makes every block a module of its own.
      await Deno.mkdir(place, { recursive: true });
      await Deno.writeTextFile(`${place}/${file}`, `${code}\nexport {};\n`);
      samples.push({ ...block, path: `${place}/${file}` });
    }
  }
  return samples;
}

/** Type-checks the blocks for Bun with its types. */
async function check_for_bun(samples: Sample[], folder: string): Promise<string> {
  const { name, exports } = await read_manifest();
  const paths: Record<string, string[]> = {};
  for (const [key, path] of Object.entries(exports)) {
    for (const own of [name, "fullduplex"]) paths[key.replace(".", own)] = [`${ROOT}/${path}`];
  }
  const compilerOptions = {
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["esnext", "dom"],
    skipLibCheck: true, // Bun's own declarations are not our business
    types: ["bun-types"],
    typeRoots: [MODULES],
    paths,
  };
  const config = `${folder}/tsconfig.json`;
  const files = samples.map((sample) => sample.path);
  await Deno.writeTextFile(config, JSON.stringify({ compilerOptions, files }));
  const checked = await run(["node", `${MODULES}/typescript-7/bin/tsc`, "-p", config]);
  return checked.code === 0 ? "" : checked.output;
}

async function check(samples: Sample[], folder: string): Promise<string> {
  const for_deno = samples.filter((sample) => sample.runtime === "deno");
  const for_bun = samples.filter((sample) => sample.runtime === "bun");
  let faults = "";
  if (for_deno.length > 0) {
    const flags = ["-q", "--no-config", "--no-lock", ...await import_map_flags()];
    const files = for_deno.map((sample) => sample.path);
    const checked = await run([Deno.execPath(), "check", ...flags, ...files]);
    if (checked.code !== 0) faults += checked.output;
  }
  if (for_bun.length > 0) faults += await check_for_bun(for_bun, folder);
  return faults;
}

/** Runs one block in a process of its own. */
async function run_sample(sample: Sample): Promise<string> {
  const flags = ["-A", "--no-check", "--no-config", "--no-lock", ...await import_map_flags()];
  const command = sample.runtime === "deno"
    ? [Deno.execPath(), "run", ...flags, sample.path]
    : [await bun(), `--preload=${ROOT}/scripts/bun_preload.ts`, sample.path];
  const { code, output } = await run(command, { timeoutMs: RUN_TIMEOUT_MS });
  return code === 0 ? "" : `${sample.place}: status ${code}\n${output}\n`;
}

/**
 * Checks and runs the blocks.
 *
 * @param chosen Files relative to the root. Default: every documented one.
 * @returns A block that was checked, and run where it is to run, has passed.
 */
export async function test_docs(chosen: string[] = []): Promise<Counts & { log: string }> {
  let sources = chosen;
  if (sources.length === 0) {
    const modules = await list_files("src", (path) => path.endsWith(".ts"));
    sources = ["README.md", "npm/README.md", "mod.ts", ...modules];
  }
  await install_tools();
  const folder = await Deno.makeTempDir({ prefix: "fullduplex-docs-" });
  try {
    const present: string[] = [];
    for (const source of sources) if (await exists(`${ROOT}/${source}`)) present.push(source);
    const samples = await write_samples(present, folder);
    let log = await check(samples, folder);
    // Paths of the copies lead nowhere once they are removed: name the documents.
    for (const { path, place } of samples) {
      log = log.replaceAll(
        new RegExp(`[^\\s(]*${path.slice(folder.lastIndexOf("/"))}`, "g"),
        place,
      );
    }
    if (log !== "") return { passed: 0, failed: 1, log };

    let failed = 0;
    const waiting = samples.filter((sample) => sample.runs);
    const work = async (): Promise<void> => {
      for (let sample = waiting.shift(); sample; sample = waiting.shift()) {
        const fault = await run_sample(sample);
        if (fault !== "") failed++;
        log += fault;
      }
    };
    await Promise.all([work(), work()]);
    return { passed: samples.length - failed, failed, log };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { passed, failed, log } = await test_docs(Deno.args);
  if (log) console.log(log.trimEnd());
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed === 0 ? 0 : 1);
}
