import type { Socket } from 'node:net';
import { UNKNOWN_TYPE, type UnknownType } from './message-check.ts';
import type { ControlMessage, MemberMessage } from './messages.ts';

/** A message longer than this is a fault, not a message. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/** Messages are JSON, one a line. */
export function send(socket: Socket, message: MemberMessage | ControlMessage): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

export interface ReceiveOptions<Message> {
  /** The message if the value is one; undefined closes the connection. */
  readonly accept: (value: unknown) => Message | UnknownType | undefined;
  readonly onMessage: (message: Message) => void;
  /** Called for a message of an unknown type, which is ignored. */
  readonly onUnknown: () => void;
  /** Called for an exception in `onMessage`, which also closes the connection. */
  readonly onBug: (error: unknown) => void;
}

/** Reads messages, one JSON value a line; an invalid line closes the connection. */
export function receive<Message extends object>(
  socket: Socket,
  { accept, onMessage, onUnknown, onBug }: ReceiveOptions<Message>,
): void {
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    try {
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > MAX_LINE_CHARACTERS) socket.destroy();
      for (const line of lines) {
        if (socket.destroyed) return;
        const message = accept(parse(line));
        if (message === undefined) socket.destroy();
        else if (message === UNKNOWN_TYPE) onUnknown();
        else onMessage(message);
      }
    } catch (error) {
      onBug(error);
      socket.destroy();
    }
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
