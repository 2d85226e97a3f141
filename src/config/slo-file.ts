import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../core/errors.ts';
import { parseJsonPath } from '../policy/slo/json-path.ts';
import type { Login, Objective, ReplyCheck, Slo, SloRequest } from '../policy/slo/slo.ts';
import { inPlainWords, problemLines } from './plain-words.ts';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const got = (input: unknown): string => JSON.stringify(input)?.slice(0, 80) ?? 'nothing';

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly rule: string;
}

/** Milliseconds of a text such as 150ms, 2s, 5m, 1h, 30d. */
const durationIn = ({ least, most, rule }: Bounds) =>
  z.unknown().transform((input, context) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(typeof input === 'string' ? input : '') ?? [];
    const ms = Number(amount) * (units[unit] ?? 0);
    if (ms >= least && ms <= most) return ms;
    context.addIssue(`${ms > 0 ? rule : anyDuration.rule}: got ${got(input)}`);
    return z.NEVER;
  });

const anyDuration: Bounds = {
  least: Number.MIN_VALUE,
  most: Number.MAX_VALUE,
  rule: 'must be a duration such as 150ms, 2s or 30d',
};
const duration = durationIn(anyDuration);

/** A share from 0 to 1, of a number or of a text such as 1%. */
const shareIn = (isRight: (value: number) => boolean, rule: string) =>
  z.unknown().transform((input, context) => {
    const percent = typeof input === 'string' ? /^(\d+(?:\.\d+)?) ?%$/.exec(input)?.[1] : undefined;
    const value = percent === undefined ? input : Number(percent) / 100;
    const isShare = typeof value === 'number' && value >= 0 && value <= 1;
    if (isShare && isRight(value)) return value;
    context.addIssue(`${isShare ? rule : 'must be a share such as 0.01 or 1%'}: got ${got(input)}`);
    return z.NEVER;
  });
const share = shareIn(() => true, '');

const objectiveTarget = shareIn(
  (value) => value > 0 && value < 1,
  'must lie between 0 and 1: what is promised always cannot be kept',
);

const objective = z.discriminatedUnion('sli', [
  z.strictObject({ sli: z.literal('latency'), le: duration, target: objectiveTarget }),
  z.strictObject({ sli: z.literal('availability'), target: objectiveTarget }),
  z.strictObject({ sli: z.literal('hit_rate'), target: objectiveTarget }),
]);

/** One promise for each share and latency, and one hit rate: of two that are alike, one would be ignored. */
const objectives = z.array(objective).superRefine((all, context) => {
  const seen = new Set<string>();
  for (const [index, one] of all.entries()) {
    const key = one.sli === 'hit_rate' ? one.sli : JSON.stringify(one);
    if (seen.has(key)) context.addIssue({ code: 'custom', path: [index], message: 'must not be promised twice' });
    seen.add(key);
  }
});

const status = z.int().min(100).max(599);
const jsonPath = z
  .string()
  .refine((path) => parseJsonPath(path) !== undefined, 'must be a path such as $.items[0].name');
const expect = z
  .strictObject({
    status: z.union([status, z.array(status).min(1)]).optional(),
    headers: z.record(z.string(), z.string()).optional(),
    contains: z.string().min(1).optional(),
    json: z.record(jsonPath, z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  })
  .transform((given): ReplyCheck => ({
    ...(given.status === undefined ? {} : { statuses: [given.status].flat() }),
    ...(given.headers === undefined ? {} : { headers: lowerCase(given.headers) }),
    ...(given.contains === undefined ? {} : { contains: given.contains }),
    ...(given.json === undefined ? {} : { json: given.json }),
  }));

const lowerCase = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const request = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  path: z.string().startsWith('/'),
  headers: z.record(z.string().regex(/^[\w-]+$/), z.string()).default({}),
  body: z.string().optional(),
  expect: expect.optional(),
});

const requestOf = ({ expect: check, ...given }: z.infer<typeof request>): SloRequest => ({
  ...given,
  body: given.body,
  ...(check === undefined ? {} : { expect: check }),
});

const login = z
  .strictObject({
    request,
    token: jsonPath,
    header: z
      .string()
      .regex(/^[\w-]+$/)
      .default('authorization'),
    prefix: z.string().default('Bearer '),
  })
  .transform(({ request: sent, token, header, prefix }): Login => ({
    request: requestOf(sent),
    tokenPath: token,
    header: header.toLowerCase(),
    prefix,
  }));

const factor = z.number().positive().max(1000);
/** Of a target: an alert below the target itself would fire while the promise is kept. */
const alertFactor = z.number().min(1).max(1000);
const alertShare = shareIn((value) => value < 1, 'must be below 1, because more than all is never bad');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Shorter, and half a minute of trouble would be an alert; longer, and control would have to keep more of the past. */
const alertFor = durationIn({
  least: 3 * MINUTE_MS,
  most: 60 * MINUTE_MS,
  rule: 'must be from 3m to 1h, because shares are taken over two minutes',
});
/** The longest alert looks back over three days; control counts for 31. */
const sloWindow = durationIn({ least: 3 * DAY_MS, most: 31 * DAY_MS, rule: 'must be from 3d to 31d' });
const gate = z.strictObject({
  p95: duration.optional(),
  p99: duration.optional(),
  failed: share.optional(),
  timeouts: z.int().min(0).optional(),
});
/** The default alerts on degradation: p95 above 1.5 times its target, p99 above twice that target, for five minutes. */
const alerts = z.strictObject({
  p95_factor: alertFactor.default(1.5),
  p99_factor: alertFactor.default(2),
  for: alertFor.default(5 * MINUTE_MS),
  errors: alertShare.default(0.01),
  pool_use: alertShare.default(0.8),
  min_rate: z.number().min(0).max(1_000_000).default(0.1),
});

const endpoint = z
  .strictObject({
    id: z
      .string()
      .regex(
        /^[A-Za-z][A-Za-z0-9_]{0,63}$/,
        'must be the name of an endpoint: a letter, then up to 63 letters, digits and _',
      ),
    request: request.optional(),
    load: z.strictObject({ weight: z.number().min(0).max(1_000_000) }).default({ weight: 0 }),
    gate: gate.default({}),
    objectives: objectives.default([]),
    spike: z.strictObject({ p95_factor: factor }).default({ p95_factor: 2 }),
    alerts: alerts.prefault({}),
  })
  .transform(({ id, load, spike, ...rest }) => ({
    id,
    request: rest.request === undefined ? undefined : requestOf(rest.request),
    weight: load.weight,
    gate: {
      p95Ms: rest.gate.p95,
      p99Ms: rest.gate.p99,
      maxFailedShare: rest.gate.failed,
      maxTimeouts: rest.gate.timeouts,
    },
    objectives: rest.objectives.flatMap((each): Objective[] => {
      if (each.sli === 'hit_rate') return [];
      return each.sli === 'latency' ? [{ sli: each.sli, withinMs: each.le, target: each.target }] : [each];
    }),
    hitRateTarget: rest.objectives.find(({ sli }) => sli === 'hit_rate')?.target,
    spikeP95Factor: spike.p95_factor,
    alerts: {
      p95Factor: rest.alerts.p95_factor,
      p99Factor: rest.alerts.p99_factor,
      forMs: rest.alerts.for,
      errorShare: rest.alerts.errors,
      poolUse: rest.alerts.pool_use,
      minPerSecond: rest.alerts.min_rate,
    },
  }));

/** The name stands in rules, comments and headings, where line breaks and controls would end what they stand in. */
const isVisibleLine = (text: string): boolean =>
  text.trim() !== '' && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(text);

const file = z
  .strictObject({
    service: z.string().min(1).max(100).refine(isVisibleLine, 'must be one line of visible characters'),
    window: sloWindow.default(30 * DAY_MS),
    data: z.string().min(1).optional(),
    login: login.optional(),
    endpoints: z.array(endpoint).min(1),
  })
  .refine(({ endpoints }) => new Set(endpoints.map(({ id }) => id)).size === endpoints.length, {
    path: ['endpoints'],
    message: 'must not name an endpoint twice',
  });

export type ParsedSlo =
  | { readonly ok: true; readonly slo: Slo }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads an SLO file's text; `name` stands before each problem, and all of them are told. Does not throw. */
export function parseSlo(text: string, name: string): ParsedSlo {
  let value: unknown;
  try {
    // Only errors count: what the library warns of is left to the schema, which knows every part.
    value = parse(text, { maxAliasCount: 0, logLevel: 'error' });
  } catch (error) {
    const where = error instanceof YAMLParseError ? ` (line ${error.linePos?.[0].line})` : '';
    return { ok: false, problems: [`${name} is no YAML${where}: ${messageOf(error).split('\n', 1)[0]}`] };
  }
  const parsed = file.safeParse(value, { error: inPlainWords, reportInput: true });
  if (!parsed.success) return { ok: false, problems: problemLines(parsed.error.issues, name, 'the file') };
  const { service, window, data, endpoints, login: first } = parsed.data;
  const slo = { service, windowMs: window, dataFile: data, endpoints };
  return { ok: true, slo: first === undefined ? slo : { ...slo, login: first } };
}
