import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { basename, dirname, extname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { markdownHtml } from './markdown-page.ts';

const sources = fileURLToPath(new URL('..', import.meta.url));
/** In an installed package the sources are JavaScript already. */
const extension = extname(fileURLToPath(import.meta.url));

const entry = `console/main${extension}`;
const SCRIPT = 'console.js';
const assets = [
  'console/console.css',
  'console/icon.svg',
  'console/vendor/uplot-1.6.32/uPlot.iife.min.js',
  'console/vendor/uplot-1.6.32/uPlot.min.css',
];

const IMPORT = /^import [^;]*?from '(\.[^']+)';$/gm;

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

export interface ConsoleFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly isImmutable: boolean;
}

/**
 * The files of the console by the path under which they are served. The paths have a hash over all files, so that browsers
 * keep them for ever and never mix two versions; only the page itself is asked for each time.
 */
export class ConsoleFiles {
  #files: ReadonlyMap<string, ConsoleFile> | undefined;

  /** Read when the first browser comes: most hosts run without one. */
  get files(): ReadonlyMap<string, ConsoleFile> {
    this.#files ??= readFiles();
    return this.#files;
  }

  find(path: string): ConsoleFile | undefined {
    return path === '/' || path === '/runbook' || path.startsWith('/console/') ? this.files.get(path) : undefined;
  }
}

function readFiles(): Map<string, ConsoleFile> {
  const texts = new Map(assets.map((path) => [path, readFileSync(join(sources, path), 'utf8')]));
  texts.set(SCRIPT, combined(entry));
  const page = readFileSync(join(sources, 'console/index.html'), 'utf8');
  const digest = createHash('sha256').update(page);
  for (const [path, text] of texts) digest.update(`\0${path}\0${text}`);
  const base = `console/${digest.digest('hex').slice(0, 12)}`;
  const files = [...texts].map(([path, text]): [string, ConsoleFile] => [
    `/${base}/${basename(path)}`,
    fileOf(extname(path), text, true),
  ]);
  const runbook = runbookPage(base);
  return new Map([
    ...files,
    ['/', fileOf('.html', page.replaceAll('{{base}}', base), false)],
    ['/runbook', fileOf('.html', runbook, false)],
  ]);
}

/** docs/runbook.md, to which every verdict leads. */
function runbookPage(base: string): string {
  const text = readFileSync(join(sources, '../docs/runbook.md'), 'utf8');
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Runbook – Rampart</title><link rel="icon" href="${base}/icon.svg"><link rel="stylesheet" href="${base}/console.css">`;
  return `<!doctype html><html lang="en"><head>${head}</head><body><main class="runbook">${markdownHtml(text)}</main></body></html>`;
}

/**
 * A module with all that it imports as one file, in the order of their imports: one request in place of thirty. They share
 * one scope, so that their names must differ; a unit test sees to that.
 */
function combined(entry: string): string {
  const seen = new Set<string>();
  const parts: string[] = [];
  const add = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = readFileSync(join(sources, path), 'utf8');
    const code = extension === '.js' ? text : withoutTypes(text);
    for (const [, target = ''] of code.matchAll(IMPORT)) add(posix.normalize(posix.join(dirname(path), target)));
    const own = code.replaceAll(IMPORT, '').replaceAll(/^export (?=(?:async|class|const|function|let) )/gm, '');
    if (/^(?:import|export)\b/m.test(own))
      throw new Error(`${path} has an import or export that the console cannot have`);
    parts.push(`// ${path}\n${own}`);
  };
  add(entry);
  return parts.join('\n');
}

/**
 * Types become spaces, and an import of types alone is gone. Node says once that it may change how it does that; whoever
 * reads the log of control can do nothing about it.
 */
function withoutTypes(text: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text, { mode: 'strip' });
  } finally {
    process.emitWarning = emitWarning;
  }
}

function fileOf(suffix: string, text: string, isImmutable: boolean): ConsoleFile {
  const body = Buffer.from(text);
  const contentType = contentTypes[suffix] ?? 'application/octet-stream';
  return { contentType, body, gzipped: gzipSync(body, { level: 9 }), isImmutable };
}

export function replyConsoleFile(
  { contentType, body, gzipped, isImmutable }: ConsoleFile,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const isGzipped = /\bgzip\b/.test(String(req.headers['accept-encoding'] ?? ''));
  const content = isGzipped ? gzipped : body;
  res.writeHead(200, {
    'content-type': contentType,
    'content-length': content.length,
    ...(isGzipped && { 'content-encoding': 'gzip' }),
    vary: 'accept-encoding',
    'cache-control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
  res.end(req.method === 'HEAD' ? undefined : content);
}
