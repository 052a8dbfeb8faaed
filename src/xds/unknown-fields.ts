/** Whether a message, or one inside it, has fields of a newer form. */
export function hasUnknown(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasUnknown);
  if (typeof value !== "object" || value === null) return false;
  return "$unknown" in value && value.$unknown !== undefined ? true : Object.values(value).some(hasUnknown);
}
