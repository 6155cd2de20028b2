/**
 * The rules of the house: which floor of the sources may import and name what.
 * DESIGN: each floor imports only from lower floors, types included; only the adapters and what is
 * above them may name a runtime. Pure functions over source text; module_graph_test.ts applies
 * them to the repository and to edges that must be refused.
 */
import ts from "typescript";

/** Source files of one floor, by the start of their paths. */
const FLOORS: readonly (readonly [floor: number, start: string])[] = [
  [0, "src/errors.ts"],
  [0, "src/bytes.ts"],
  [1, "src/frames/"],
  [2, "src/handshake/"],
  [3, "src/extensions/"],
  [4, "src/connection/"],
  [5, "src/api/"],
  [5, "mod.ts"], // the portable entry: re-exports of the core
  [6, "src/adapters/"],
];

/** The rooms behind an export of their own that may import a package, and which. */
const OPTIONAL: readonly (readonly [start: string, name: string])[] = [
  ["src/adapters/socks/", "socks"],
  ["src/legacy/", "@noble/hashes"],
];

/** Tells whether a file may import a package. */
function may_have(path: string, specifier: string): boolean {
  return OPTIONAL.some(([start, name]) =>
    path.startsWith(start) && (specifier === name || specifier.startsWith(`${name}/`))
  );
}

/** The highest floor that knows nothing of any runtime. */
const PORTABLE = 5;
/** Features on top: every other folder below `src/`. They reach the core through `src/api`. */
const FEATURES = 7;

/** Names that only one runtime has, or that serve to sniff for one. */
const RUNTIME_NAMES = new Set([
  ...["Deno", "Bun", "process", "Buffer", "global", "require", "module", "exports"],
  ...["__dirname", "__filename", "setImmediate", "clearImmediate", "navigator"],
]);

/** Objects whose property of such a name is the runtime's. */
const GLOBAL_OBJECTS = new Set(["globalThis", "self", "window"]);

/** The floor that a file belongs to, or `undefined` when it stands outside of the house. */
export function floor_of(path: string): number | undefined {
  for (const [floor, start] of FLOORS) {
    if (path === start || (start.endsWith("/") && path.startsWith(start))) return floor;
  }
  return /^src\/[^/]+\//.test(path) ? FEATURES : undefined;
}

/**
 * Lists what is wrong with a module.
 *
 * @param path Where it is, relative to the repository's root.
 * @param code Its source text.
 * @returns One line per fault, with the line number: none for a good module.
 */
export function faults_of(path: string, code: string): string[] {
  const floor = floor_of(path);
  if (floor === undefined) return [`${path}: belongs to no floor of the house`];
  const file = ts.createSourceFile(path, code, ts.ScriptTarget.ESNext, true);
  const faults: string[] = [];
  const report = (node: ts.Node, fault: string): void => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    faults.push(`${path}:${line + 1}: ${fault}`);
  };
  const visit = (node: ts.Node): void => {
    const specifier = specifier_of(node);
    if (specifier !== undefined) {
      const fault = specifier === null
        ? (floor <= PORTABLE ? "import() of something computed" : undefined)
        : import_fault(path, floor, specifier);
      if (fault) report(node, fault);
    }
    const name = floor <= PORTABLE ? runtime_name(node) : undefined;
    if (name) report(node, `names ${name}, which only a runtime has`);
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const { fileName, pos } of [...file.referencedFiles, ...file.typeReferenceDirectives]) {
    const { line } = file.getLineAndCharacterOfPosition(pos);
    faults.push(`${path}:${line + 1}: references the types of "${fileName}"`);
  }
  for (const { fileName, pos } of file.libReferenceDirectives) {
    const { line } = file.getLineAndCharacterOfPosition(pos);
    if (floor <= PORTABLE) faults.push(`${path}:${line + 1}: references the lib "${fileName}"`);
  }
  return faults;
}

/** What a node imports: `undefined` when it imports nothing, `null` when it is computed. */
function specifier_of(node: ts.Node): string | null | undefined {
  let argument: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    argument = node.moduleSpecifier;
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    argument = node.arguments[0];
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    argument = node.argument.literal;
  } else if (ts.isExternalModuleReference(node)) {
    argument = node.expression;
  }
  if (argument === undefined) return undefined;
  return ts.isStringLiteralLike(argument) ? argument.text : null;
}

function import_fault(path: string, floor: number, specifier: string): string | undefined {
  if (!/^\.\.?\//.test(specifier)) {
    if (floor <= PORTABLE) return `imports "${specifier}": the core has no dependency`;
    if (/^node:/.test(specifier) || may_have(path, specifier)) return undefined;
    return `imports "${specifier}": expected a relative path, node: or its optional dependency`;
  }
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  const below = floor_of(target);
  if (below === undefined) return `imports ${target}, which belongs to no floor`;
  if (floor === 0) return `imports ${target}: the ground floor imports nothing`;
  if (target === "mod.ts") return "imports mod.ts: import the file that has it";
  if (below > floor) return `imports ${target}: floor ${floor} must not know of floor ${below}`;
  if (floor === FEATURES && below >= 1 && below < PORTABLE) {
    return `imports ${target}: features reach the core through src/api`;
  }
}

/** The runtime's name that a node uses as a value or a type, if any. */
function runtime_name(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node) && RUNTIME_NAMES.has(node.text) && !is_member_name(node)) {
    return node.text;
  }
  // globalThis["Deno"] and "Deno" in globalThis
  if (ts.isStringLiteralLike(node) && RUNTIME_NAMES.has(node.text)) {
    const { parent } = node;
    const object = ts.isElementAccessExpression(parent)
      ? parent.expression
      : ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InKeyword
      ? parent.right
      : undefined;
    if (object !== undefined && is_global_object(object)) return node.text;
  }
}

/** Tells `globalThis`, also behind `as`, `!` and parentheses. */
function is_global_object(node: ts.Node): boolean {
  if (
    ts.isAsExpression(node) || ts.isNonNullExpression(node) || ts.isParenthesizedExpression(node)
  ) {
    return is_global_object(node.expression);
  }
  return ts.isIdentifier(node) && GLOBAL_OBJECTS.has(node.text);
}

/** Tells the `process` of `parser.process(chunk)` or `{ process() {} }` from the global one. */
function is_member_name(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return !is_global_object(parent.expression);
  }
  if (ts.isQualifiedName(parent)) return parent.right === node;
  return (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) ||
    ts.isPropertyDeclaration(parent) || ts.isPropertySignature(parent) ||
    ts.isMethodSignature(parent) || ts.isGetAccessor(parent) || ts.isSetAccessor(parent)) &&
    parent.name === node;
}
