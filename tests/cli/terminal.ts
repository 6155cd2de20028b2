/**
 * Runs the command line in a terminal: a pseudo-terminal, which Python's standard library opens.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import process from "node:process";
import { cliCommand } from "./spawn.ts";

/** Why there is no terminal to test with; `false` when there is one. */
export const NO_TERMINAL: string | false =
  spawnSync("python3", ["-c", "import pty, termios"]).status === 0
    ? false
    : "python3 with its module pty is not installed";

/** Copies between its own input and output and a terminal of 80 columns, whose program it starts. */
const DRIVER = `
import fcntl, os, pty, select, struct, sys, termios
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
sources = [0, master]
while master in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if not data:
            sources.remove(source)
        elif source == 0:
            os.write(master, data)
        else:
            os.write(1, data)
status = os.waitpid(pid, 0)[1]
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 255)
`;

/** A program in a terminal. */
export interface TerminalRun {
  child: ChildProcess;
  /** Types; `\r` is Enter, `\x03` Ctrl-C. */
  type(keys: string): void;
  /** Waits until what is shown from now on, or from the last match on, matches. */
  sees(pattern: RegExp): Promise<RegExpExecArray>;
  /** Everything the terminal was sent, with what moves its cursor. */
  readonly raw: string;
  /** The exit status. */
  ended: Promise<number | null>;
}

const DEADLINE_MS = 25_000;

/** Starts the command line in a terminal; whatever it does, it is gone after 25 seconds. */
export function startTerminal(args: string[], env: Record<string, string> = {}): TerminalRun {
  const child = spawn("python3", ["-c", DRIVER, ...cliCommand(args)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TERM: "xterm", NO_COLOR: "1", ...env },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  let raw = "", from = 0, over = false;
  const listeners = new Set<() => void>();
  const tell = () => listeners.forEach((listener) => listener());
  child.stdout!.setEncoding("utf8");
  child.stdout!.on("data", (text: string) => {
    raw += text;
    tell();
  });
  child.stdin!.on("error", () => {});
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", (status) => {
      clearTimeout(timer);
      over = true;
      tell();
      resolve(status);
    });
  });
  return {
    child,
    ended,
    type: (keys) => void child.stdin!.write(keys),
    get raw() {
      return raw;
    },
    sees(pattern) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const shown = stripVTControlCharacters(raw.slice(from)).replaceAll("\r\n", "\n");
          const match = pattern.exec(shown);
          if (match === null && !over) return;
          listeners.delete(look);
          if (match === null) return reject(new Error(`it never showed ${pattern}:\n${shown}`));
          from = raw.length;
          resolve(match);
        };
        listeners.add(look);
        look();
      });
    },
  };
}
