import type { ChildProcess } from 'node:child_process';

/** The messages of node:cluster that hand a connection to a worker, and the worker's answer. */
interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

const CLUSTER = 'NODE_CLUSTER';

/**
 * Serves the connections that the primary of node:cluster had sent to a worker, and that the worker had not answered for
 * when it ended.
 *
 * Node waits for that answer for ever, so the client of such a connection would never hear anything. The missing answers
 * are given here: not accepted, as by a worker that is shutting down. Node then hands the connection to another worker.
 * Where `isAnyoneLeft` says that no other worker takes connections, they are closed, because nobody would come for them.
 */
export function giveBackHandovers(worker: ChildProcess, isAnyoneLeft: () => boolean): void {
  const pending = new Set<number>();
  const { send } = worker;
  worker.send = (...args: [unknown]): boolean => {
    const { cmd, act, seq } = messageOf(args[0]);
    if (cmd === CLUSTER && act === 'newconn' && typeof seq === 'number') pending.add(seq);
    return Reflect.apply(send, worker, args) as boolean;
  };
  worker.on('internalMessage', (message: unknown) => {
    const { ack } = messageOf(message);
    if (typeof ack === 'number') pending.delete(ack);
  });
  // From 'disconnect' on, Node no longer counts this worker among those that get connections.
  worker.on('disconnect', () => {
    const accepted = !isAnyoneLeft();
    const acks = [...pending];
    pending.clear();
    for (const ack of acks) worker.emit('internalMessage', { cmd: CLUSTER, ack, accepted }, undefined);
  });
  // Node does not say that a channel has ended when the last connection on it was not confirmed.
  const awaitEndOfChannel = (): void => {
    // Answers that the worker wrote before it died are still to be read.
    if (worker.connected) setImmediate(awaitEndOfChannel);
    else if (pending.size > 0) worker.emit('disconnect');
  };
  worker.on('exit', awaitEndOfChannel);
}

const messageOf = (message: unknown): ClusterMessage =>
  typeof message === 'object' && message !== null ? message : {};
