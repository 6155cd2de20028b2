/**
 * The proxy that the environment names, for `proxy: "environment"`.
 * @module
 */

/** Environment variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy, and the variable that names it. */
export interface NamedProxy {
  /** The proxy's URL. */
  readonly url: string;
  /** The variable's name. */
  readonly variable: string;
}

/**
 * Finds the proxy for a connection: of `https_proxy` for `wss:` or `http_proxy` for `ws:`, and
 * `all_proxy`, the first that is set and not empty, unless `no_proxy` has the host. Each may be
 * written in capitals; the small letters win.
 *
 * @param target Where to connect.
 * @param environment The variables.
 * @returns The proxy, or `undefined` for none.
 */
export function environmentProxy(
  target: { readonly hostname: string; readonly port: number; readonly secure: boolean },
  environment: Environment,
): NamedProxy | undefined {
  const { hostname, port, secure } = target;
  for (const name of [secure ? "https_proxy" : "http_proxy", "all_proxy"]) {
    const found = lookUp(environment, name);
    if (found === undefined) continue;
    if (isExempt(hostname, port, lookUp(environment, "no_proxy")?.value ?? "")) return undefined;
    const url = found.value.includes("://") ? found.value : `http://${found.value}`;
    return { url, variable: found.variable };
  }
}

function lookUp(
  environment: Environment,
  name: string,
): { value: string; variable: string } | undefined {
  for (const variable of [name, name.toUpperCase()]) {
    // A CGI program gets the request's "Proxy" field as HTTP_PROXY: anybody's to set (CVE-2016-5385).
    if (variable === "HTTP_PROXY" && environment.REQUEST_METHOD !== undefined) continue;
    const value = environment[variable]?.trim() ?? "";
    if (value !== "") return { value, variable };
  }
}

/**
 * Tells whether a `no_proxy` list has a host: `*`; a name, which stands for all names below it too,
 * with or without a dot or `*.` before it; an address; a block of addresses (`10.0.0.0/8`); each
 * with or without a port; set apart by commas or blanks.
 *
 * @param hostname The host; an IPv6 address comes without brackets.
 * @param port The port.
 * @param list The list.
 */
export function isExempt(hostname: string, port: number, list: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  const address = parseAddress(host);
  return list.toLowerCase().split(/[\s,]+/).some((entry) => {
    if (entry === "*") return true;
    const { name, only } = splitPort(entry);
    if (name === "" || (only !== undefined && only !== port)) return false;
    if (address === undefined) {
      const wanted = name.replace(/^\*?\./, "").replace(/\.$/, "");
      return host === wanted || (wanted !== "" && host.endsWith(`.${wanted}`));
    }
    const [base, length] = name.split("/");
    const block = parseAddress(base);
    if (block === undefined || block.bits !== address.bits) return false;
    const kept = length === undefined ? block.bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
    if (kept < 0 || kept > block.bits) return false;
    const dropped = BigInt(block.bits - kept);
    return block.value >> dropped === address.value >> dropped;
  });
}

/** Splits an entry into what comes before a port, and the port. */
function splitPort(entry: string): { name: string; only?: number } {
  const bracketed = /^\[([^\]]*)\](\/\d+)?(?::(\d{1,5}))?$/.exec(entry);
  if (bracketed !== null) {
    const [, name, length = "", port] = bracketed;
    return { name: name + length, only: port === undefined ? undefined : Number(port) };
  }
  const plain = /^([^:]*):(\d{1,5})$/.exec(entry); // more than one colon: an IPv6 address
  return plain === null ? { name: entry } : { name: plain[1], only: Number(plain[2]) };
}

/** Reads an IP address; `undefined` for a name. */
function parseAddress(text: string): { bits: number; value: bigint } | undefined {
  const parts = text.split(".");
  if (parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    return { bits: 32, value: parts.reduce((sum, part) => sum << 8n | BigInt(part), 0n) };
  }
  if (!text.includes(":")) return undefined;
  let groups: string;
  try {
    groups = new URL(`http://[${text}]`).hostname.slice(1, -1); // in hexadecimal, the shortest way
  } catch {
    return undefined;
  }
  const [head, tail] = groups.split("::").map((half) => half === "" ? [] : half.split(":"));
  const zeros = tail === undefined ? [] : Array(8 - head.length - tail.length).fill("0");
  const value = [...head, ...zeros, ...tail ?? []]
    .reduce((sum, group) => sum << 16n | BigInt(`0x${group}`), 0n);
  // An IPv4 address in IPv6's clothes is that IPv4 address.
  if (value >> 32n === 0xffffn) return { bits: 32, value: value & 0xffffffffn };
  return { bits: 128, value };
}
