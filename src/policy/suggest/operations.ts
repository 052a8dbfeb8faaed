/** What one caller asks for, as the operations of a rule. */
import type { AuthorizationOperation } from "#model";
import { coversPattern, operationMatch } from "#policy";
import type { CallKind } from "./observed-calls.ts";

/** One method and one pattern of paths, less what was denied. */
export interface Atom {
  readonly kind: "requests";
  readonly method: string;
  readonly path: string;
  readonly notPaths: readonly string[];
}

/** `all`: bytes without HTTP, or requests of which nothing is known but who made them; no method and no path can be asked of them. */
export type Asked = Atom | { readonly kind: "all" };

/** More paths of one method below one first segment are granted as that prefix. */
const PATHS_APART_MAX = 12;
/** Operations in one rule; the schema takes no more. */
export const OPERATIONS_MAX = 64;

/** Whether nothing can be asked of the requests. */
export function isOpen({ protocol, detail }: CallKind): boolean {
  return protocol === "tcp" || detail === "caller";
}

/** What grants the kinds, each with a method and a path, and none of the refused, which are of the same caller. */
export function atomsFor(granted: readonly CallKind[], refused: readonly CallKind[]): readonly Atom[] {
  const byRoot = Map.groupBy(granted, ({ method, path }) => `${method} ${rootOf(path)}`);
  return [...byRoot.values()].flatMap((kinds) => below(kinds, refused));
}

/** `/orders` of `/orders/{*}`; "" where the first segment is another in each request, and of a path of one segment. */
function rootOf(path: string): string {
  const root = /^\/[^/{*]+(?=\/)/.exec(path)?.[0];
  return root ?? "";
}

function below(kinds: readonly CallKind[], refusals: readonly CallKind[]): readonly Atom[] {
  const exact = kinds.map(({ method, path }) => atomOf(method, path, refusals));
  const [first] = kinds;
  const root = rootOf(first?.path ?? "");
  if (first === undefined || root === "" || new Set(kinds.map(({ path }) => path)).size <= PATHS_APART_MAX)
    return exact;
  const wide = atomOf(first.method, `${root}/*`, refusals);
  const isTaken = ({ path }: CallKind): boolean =>
    wide.notPaths.some((each) => coversPattern(PATH, each, likePath(path)));
  return kinds.some(isTaken) ? exact : [wide];
}

/** Whether some of what the kind may stand for was refused: of it too little was recorded to leave that out. */
export function isMixed({ detail, method, path }: CallKind, refused: readonly CallKind[]): boolean {
  return detail === "prefix" && atomOf(method, path, refused).notPaths.length > 0;
}

const PATH = "request.path";

/** Left out of it is what was refused and what it would match. */
function atomOf(method: string, path: string, refusals: readonly CallKind[]): Atom {
  const notPaths = refusals
    .filter(({ detail, protocol }) => detail === "whole" && protocol === "http")
    .filter((each) => each.method === method && each.path !== path && coversPattern(PATH, path, likePath(each.path)))
    .map((each) => each.path);
  return { kind: "requests", method, path, notPaths: [...new Set(notPaths)].sort() };
}

/** A path as the recorded one stands for. */
export function likePath(path: string, segment = "0"): string {
  return path.replaceAll("{*}", segment).replace(/\*$/, segment);
}

/** Paths with the same methods are one operation; `undefined` where anything may be asked. */
export function operationsOf(asked: readonly Asked[]): readonly AuthorizationOperation[] {
  if (asked.some(({ kind }) => kind === "all")) return [];
  const atoms = asked.filter((each) => each.kind === "requests");
  const byPath = Map.groupBy(atoms, ({ path, notPaths }) => JSON.stringify([path, notPaths]));
  const paths = [...byPath.values()].map((each) => {
    const { path, notPaths } = each[0] as Atom;
    return { path, notPaths, methods: [...new Set(each.map(({ method }) => method))].sort() };
  });
  const alike = Map.groupBy(paths, ({ methods, notPaths }) => JSON.stringify([methods, notPaths]));
  return [...alike.values()].map((each) => {
    const { methods, notPaths } = each[0] as (typeof paths)[number];
    return operationMatch({ methods, paths: each.map(({ path }) => path).sort(), notPaths });
  });
}
