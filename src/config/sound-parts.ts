import type { z } from 'zod';
import { referenceProblems } from './file-references.ts';
import { fileSchema } from './file-schema.ts';

type Issue = Pick<z.core.$ZodIssue, 'path'>;

/**
 * The references that fit nothing in a file some parts of which have mistakes of their own: whoever mends a file wants to
 * know all of it at once. What is wrong in itself is left out, and its name still counts as one that is there.
 */
export function referencesOfSoundParts(value: unknown, issues: readonly Issue[], path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { routes, upstreams, ...others } = value as Record<string, unknown>;
  const wrongRoutes = new Set(issues.flatMap(({ path: [top, index] }) => (top === 'routes' ? [Number(index)] : [])));
  const wrongUpstreams = new Set(
    issues.flatMap(({ path: [top, name] }) => (top === 'upstreams' ? [String(name)] : [])),
  );
  const wrongOthers = new Set(issues.map(({ path: [top] }) => String(top)));
  const parsed = fileSchema.safeParse({
    ...Object.fromEntries(Object.entries(others).filter(([name]) => !wrongOthers.has(name))),
    ...(Array.isArray(routes)
      ? { routes: routes.map((route, at) => (wrongRoutes.has(at) ? standInRoute(at) : route)) }
      : {}),
    ...(isRecord(upstreams)
      ? {
          upstreams: Object.fromEntries(
            Object.entries(upstreams).map(([name, upstream], at) => [
              name,
              wrongUpstreams.has(name) ? standInUpstream(at) : upstream,
            ]),
          ),
        }
      : {}),
  });
  if (!parsed.success) return [];
  const ofWrong = [
    ...[...wrongRoutes].map((index) => `${path}: routes.${index}.`),
    ...[...wrongUpstreams].map((name) => `${path}: upstreams.${name}.`),
  ];
  return referenceProblems(parsed.data, path).filter((problem) => !ofWrong.some((start) => problem.startsWith(start)));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** They keep the places of what they stand for, and refer to nothing. */
const standInRoute = (index: number): object => ({
  endpoint: `wrong_${index}`,
  path: `/wrong-${index}`,
  redirect: { to: '/' },
  authenticate: false,
});
const standInUpstream = (index: number): object => ({ backends: [`http://wrong-${index}.invalid`] });
