/**
 * Who may call whom: policies decided for a caller of whom only the identity is known, so that what is left are the conditions on its
 * requests. Knows no snapshot; agents do not load it.
 */
export { type CallerAccess, type CallerOf, callerAccess, type LeftCondition } from "./caller-access.ts";
