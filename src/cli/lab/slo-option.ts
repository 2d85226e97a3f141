import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseSlo } from '../../config/slo-file.ts';
import { messageOf } from '../../core/errors.ts';
import { type LoadedSlo, mixProblems } from '../../lab/experiments/slo-mix.ts';
import { readDataRows } from '../../lab/load/data-rows.ts';
import { filled } from '../../lab/load/mix.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import type { CommandIo } from '../io.ts';
import type { Options } from '../options.ts';

const DEFAULT_FILE = 'slo.yaml';

/** The SLO file, as far as it could be read. */
export interface SloFile {
  /** Undefined where there is none, or one that cannot be used. */
  readonly loaded: LoadedSlo | undefined;
  readonly isNamed: boolean;
}

/** The SLO file that --slo names, or slo.yaml of this folder. Problems go to the options. */
export function readSlo(options: Options, io: CommandIo): SloFile {
  const named = options.text('slo');
  const path = resolve(io.folder, named ?? DEFAULT_FILE);
  const none = { loaded: undefined, isNamed: named !== undefined };
  if (named === undefined && !existsSync(path)) return none;
  const text = readFile(path, '--slo', options);
  if (text === undefined) return none;
  const parsed = parseSlo(text, named ?? DEFAULT_FILE);
  if (!parsed.ok) {
    for (const problem of parsed.problems) options.problem(problem);
    return none;
  }
  const { slo } = parsed;
  const rows = slo.dataFile === undefined ? [] : readRows(resolve(dirname(path), slo.dataFile), options);
  return { ...none, loaded: { slo: withCredentials(slo, options, io), rows } };
}

/** The login with what the environment has for its `{{NAMES}}`, so that no password stands in the file. */
function withCredentials(slo: Slo, options: Options, io: CommandIo): Slo {
  if (slo.login === undefined) return slo;
  const { request } = slo.login;
  const values = Object.fromEntries(Object.entries(io.env).map(([name, value]) => [name, value ?? '']));
  const template = [request.path, request.body, ...Object.values(request.headers)].join('\n');
  for (const [, name = ''] of template.matchAll(/\{\{(\w+)\}\}/g)) {
    if ((values[name] ?? '') === '') options.problem(`login: {{${name}}} must be set in the environment`);
  }
  const plain = (text: string): string => text;
  const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
  return {
    ...slo,
    login: {
      ...slo.login,
      request: {
        ...request,
        path: filled(request.path, values, encodeURIComponent),
        body: request.body === undefined ? undefined : filled(request.body, values, inJson),
        headers: Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name, filled(value, values, plain)]),
        ),
      },
    },
  };
}

/** Whether the mix of the SLO file is to be sent, rather than Rampart's own requests. */
export function wantsSloMix(options: Options, { loaded, isNamed }: SloFile): boolean {
  const mix = options.text('mix') ?? (isNamed && loaded !== undefined && !loadsBarcodes(loaded) ? 'slo' : 'create');
  if (mix !== 'create' && mix !== 'slo') options.problem(`--mix must be create or slo: got '${mix}'`);
  if (mix !== 'slo') return false;
  // The problems of a named file have been told already.
  if (loaded === undefined) {
    if (!isNamed) options.problem(`--mix slo needs --slo FILE, or a file ${DEFAULT_FILE} in this folder`);
  } else for (const problem of mixProblems(loaded.slo)) options.problem(`--mix slo: ${problem}`);
  return true;
}

const loadsBarcodes = ({ slo }: LoadedSlo): boolean =>
  slo.endpoints.some(({ id, weight }) => id === 'createBarcode' && weight > 0) ||
  slo.endpoints.every(({ weight }) => weight === 0);

function readRows(path: string, options: Options): LoadedSlo['rows'] {
  const text = readFile(path, 'data', options);
  if (text === undefined) return [];
  const read = readDataRows(text);
  if (read.ok) return read.rows;
  options.problem(`data: ${path}: ${read.problem}`);
  return [];
}

function readFile(path: string, option: string, options: Options): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    options.problem(`${option} cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}
