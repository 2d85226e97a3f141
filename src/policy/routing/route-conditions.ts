/** The parts of a request by which a route is chosen. */
export interface RoutedRequest {
  readonly method: string;
  /** The canonical host, perhaps with a port. */
  readonly host: string;
  readonly path: string;
  /** The query with its question mark, or empty. */
  readonly query: string;
  readonly scheme: 'http' | 'https';
  /** The value of a header field by its name in lower case; undefined if the request has none. */
  headerOf(name: string): string | undefined;
}

/** Further conditions of a route, beside host, path and method. */
export interface RouteCondition {
  /** The part of the request that it looks at, such as `header x-version`. */
  readonly field: string;
  /** The value that the part must have; true: any value. */
  readonly value: string | true;
  accepts(request: RoutedRequest): boolean;
}

/** A condition in words. */
export const conditionText = ({ field, value }: RouteCondition): string =>
  value === true ? field : `${field} = ${value}`;

/** Whether every request that meets the one set of conditions meets the other one. */
export function implies(strict: readonly RouteCondition[], loose: readonly RouteCondition[]): boolean {
  return loose.every(({ field, value }) =>
    strict.some((one) => one.field === field && (value === true || one.value === value)),
  );
}

/** Whether no request can meet both sets of conditions, because a part would need two values. */
export function excludeEachOther(left: readonly RouteCondition[], right: readonly RouteCondition[]): boolean {
  return left.some(({ field, value }) =>
    right.some((other) => other.field === field && value !== true && other.value !== true && value !== other.value),
  );
}

/** `wanted`: a value, or true for any. */
export function headerCondition(name: string, wanted: string | true): RouteCondition {
  const field = name.toLowerCase();
  return {
    field: `header ${field}`,
    value: wanted,
    accepts(request) {
      const value = request.headerOf(field);
      return value !== undefined && (wanted === true || value === wanted);
    },
  };
}

/** `wanted`: a value, or true for any, also an empty one. The first field of the name counts. */
export function queryCondition(name: string, wanted: string | true): RouteCondition {
  return {
    field: `query ${name}`,
    value: wanted,
    accepts({ query }) {
      const value = queryValue(query, name);
      return value !== undefined && (wanted === true || value === wanted);
    },
  };
}

/** The first value of a query field, decoded; undefined if there is none. `query`: with its question mark, or empty. */
function queryValue(query: string, name: string): string | undefined {
  for (let start = 1; start < query.length;) {
    const end = endOf(query, '&', start, query.length);
    const equals = endOf(query, '=', start, end);
    if (decoded(query.slice(start, equals)) === name) return decoded(query.slice(Math.min(equals + 1, end), end));
    start = end + 1;
  }
  return undefined;
}

function endOf(text: string, mark: string, from: number, to: number): number {
  const index = text.indexOf(mark, from);
  return index === -1 || index > to ? to : index;
}

/** As forms encode it. Text whose encoding is invalid stays as it is. */
function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
