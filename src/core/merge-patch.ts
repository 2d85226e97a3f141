/** A value of JSON; what is undefined counts as absent. */
type Json = unknown;
type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The JSON merge patch (RFC 7396) that makes `after` of `before`, or undefined if they are the same. A member that is null
 * in `after` is absent after the patch, because null in a patch means removal.
 */
export function mergePatchOf(before: Json, after: Json): Json | undefined {
  if (!isObject(before) || !isObject(after)) return isSame(before, after) ? undefined : after;
  const changed = Object.entries(after).flatMap(([name, value]) => {
    const change = mergePatchOf(memberOf(before, name) ?? null, value ?? null);
    return change === undefined ? [] : [[name, change] as const];
  });
  const gone = Object.entries(before)
    .filter(([name, value]) => !Object.hasOwn(after, name) && (value ?? null) !== null)
    .map(([name]) => [name, null] as const);
  // Entries, because an assignment to a member `__proto__` would do something else.
  return changed.length + gone.length === 0 ? undefined : Object.fromEntries([...changed, ...gone]);
}

/** The value after the patch. What the patch does not name is shared with the value before, which stays as it was. */
export function mergePatched(before: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const known: JsonObject = isObject(before) ? before : {};
  const kept = Object.entries(known).flatMap(([name, value]) => {
    if (!Object.hasOwn(patch, name)) return [[name, value] as const];
    return patch[name] === null ? [] : [[name, mergePatched(value, patch[name])] as const];
  });
  const added = Object.entries(patch)
    .filter(([name, change]) => change !== null && !Object.hasOwn(known, name))
    .map(([name, change]) => [name, mergePatched(undefined, change)] as const);
  return Object.fromEntries([...kept, ...added]);
}

const memberOf = (value: JsonObject, name: string): Json => (Object.hasOwn(value, name) ? value[name] : undefined);

/** By content, of values without members that change one by one: texts, numbers, lists. */
function isSame(left: Json, right: Json): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  return JSON.stringify(left) === JSON.stringify(right);
}
