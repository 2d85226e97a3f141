import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { ParsedConfigFile } from './file-schema.ts';

const MOST_BYTES = 262_144;

interface Body {
  body?: string | undefined;
  file?: string | undefined;
  contentType?: string | undefined;
}

/**
 * Reads the text files that a configuration names, so that the configuration has everything in itself: a later change
 * of such a file changes nothing until the configuration is read again. `folder`: where their paths begin.
 */
export function withTexts(file: ParsedConfigFile, folder: string): { file: ParsedConfigFile; problems: string[] } {
  const problems: string[] = [];
  const read = <B extends Body>(body: B, place: string): B => {
    if (body.file === undefined) return body;
    const found = readText(resolve(folder, body.file));
    if ('problem' in found) problems.push(`${place}.file: ${found.problem}`);
    const { file: name, ...rest } = body;
    const type = name.endsWith('.html') ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8';
    return { contentType: type, ...rest, body: 'text' in found ? found.text : '' } as B;
  };
  const pagesOf = <P extends Readonly<Record<string, Body>>>(pages: P, place: string): P =>
    Object.fromEntries(Object.entries(pages).map(([status, page]) => [status, read(page, `${place}.${status}`)])) as P;
  const routes = file.routes?.map((route, index) => {
    const place = `routes.${index}`;
    const { static: reply, errorPages } = route;
    if (reply === undefined && errorPages === undefined) return route;
    return {
      ...route,
      ...(reply === undefined ? {} : { static: read(reply, `${place}.static`) }),
      ...(errorPages === undefined ? {} : { errorPages: pagesOf(errorPages, `${place}.errorPages`) }),
    };
  });
  const errorPages = file.errorPages && pagesOf(file.errorPages, 'errorPages');
  return { file: { ...file, ...(routes && { routes }), ...(errorPages && { errorPages }) }, problems };
}

function readText(path: string): { readonly text: string } | { readonly problem: string } {
  try {
    const { size } = statSync(path);
    if (size > MOST_BYTES) return { problem: `${path} has ${size} bytes, and at most ${MOST_BYTES} are served` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) };
  } catch (error) {
    const reason = error instanceof TypeError ? 'is not UTF-8 text' : `cannot be read: ${messageOf(error)}`;
    return { problem: `${path} ${reason}` };
  }
}
