import { hostText } from './host-pattern.ts';
import { commonPath, coversPath } from './path-pattern.ts';
import { excludeEachOther, implies } from './route-conditions.ts';
import { compareRules, type RouteRule, takesMethod } from './route-matcher.ts';

/** Two rules that some request matches both; the first one is asked first. */
export interface RouteOverlap<T> {
  readonly first: RouteRule<T>;
  readonly second: RouteRule<T>;
  /** A path that both match. */
  readonly path: string;
}

/** Pairs of rules of which the second one gets no request at all, because the first one takes them. */
export function hiddenRules<T>(rules: readonly RouteRule<T>[]): RouteOverlap<T>[] {
  // Only a rule with the same host and the same paths can hide another one: a wider one is asked later.
  const groups = Map.groupBy(rules.toSorted(compareRules), ({ host, path }) => `${hostText(host)} ${path.shape}`);
  return [...groups.values()].flatMap((group) => pairsOf(group, isHidden));
}

/**
 * Pairs of rules of which neither is the narrower one: their paths cross, or their conditions differ. The work grows
 * with the square of the rules of one host.
 */
export function sharedRules<T>(rules: readonly RouteRule<T>[]): RouteOverlap<T>[] {
  const groups = Map.groupBy(rules.toSorted(compareRules), ({ host }) => hostText(host));
  return [...groups.values()].flatMap((group) => pairsOf(group, isShared));
}

type Relation = (first: RouteRule<unknown>, second: RouteRule<unknown>) => boolean;

/** The first pair of each later rule that a relation holds for. */
function pairsOf<T>(group: readonly RouteRule<T>[], holds: Relation): RouteOverlap<T>[] {
  return group.flatMap((second, index) => {
    const first = group.slice(0, index).find((one) => one.target !== second.target && holds(one, second));
    if (first === undefined) return [];
    return [{ first, second, path: commonPath(first.path, second.path) ?? second.path.text }];
  });
}

const isHidden: Relation = (first, second) =>
  implies(second.conditions, first.conditions) && takesMethodsOf(first, second);

const isShared: Relation = (first, second) => {
  if (commonPath(first.path, second.path) === undefined || !sharesMethod(first, second)) return false;
  if (excludeEachOther(first.conditions, second.conditions)) return false;
  // Of two rules with one path, the stricter one is asked first, as its writer expects.
  if (first.path.shape === second.path.shape)
    return !implies(second.conditions, first.conditions) && !implies(first.conditions, second.conditions);
  return !coversPath(first.path, second.path) && !coversPath(second.path, first.path);
};

const takesMethodsOf = (wide: RouteRule<unknown>, narrow: RouteRule<unknown>): boolean =>
  wide.methods === undefined || (narrow.methods?.every((method) => takesMethod(wide.methods, method)) ?? false);

function sharesMethod(left: RouteRule<unknown>, right: RouteRule<unknown>): boolean {
  if (left.methods === undefined || right.methods === undefined) return true;
  return left.methods.some((method) => right.methods?.includes(method) === true);
}
