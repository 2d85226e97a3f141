import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseSlo } from '../../config/slo-file.ts';
import { messageOf } from '../../core/errors.ts';
import { type LoadedSlo, mixProblems } from '../../lab/experiments/slo-mix.ts';
import { readDataRows } from '../../lab/load/data-rows.ts';
import type { CommandIo } from '../io.ts';
import type { Options } from './options.ts';

const DEFAULT_FILE = 'slo.yaml';

/** The SLO file that --slo names, or slo.yaml of this folder; undefined where there is none. Problems go to the options. */
export function readSlo(options: Options, io: CommandIo): LoadedSlo | undefined {
  const named = options.text('slo');
  const path = resolve(io.folder, named ?? DEFAULT_FILE);
  if (named === undefined && !existsSync(path)) return undefined;
  const text = readFile(path, '--slo', options);
  if (text === undefined) return undefined;
  const parsed = parseSlo(text, named ?? DEFAULT_FILE);
  if (!parsed.ok) {
    for (const problem of parsed.problems) options.problem(problem);
    return undefined;
  }
  const { slo } = parsed;
  return { slo, rows: slo.dataFile === undefined ? [] : readRows(resolve(dirname(path), slo.dataFile), options) };
}

/** Whether the mix of the SLO file is to be sent, rather than createBarcode alone. */
export function wantsSloMix(options: Options, slo: LoadedSlo | undefined): boolean {
  const mix = options.text('mix') ?? 'create';
  if (mix !== 'create' && mix !== 'slo') options.problem(`--mix must be create or slo: got '${mix}'`);
  if (mix !== 'slo') return false;
  if (slo === undefined) options.problem(`--mix slo needs --slo FILE, or a file ${DEFAULT_FILE} in this folder`);
  else for (const problem of mixProblems(slo.slo)) options.problem(`--mix slo: ${problem}`);
  return true;
}

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
