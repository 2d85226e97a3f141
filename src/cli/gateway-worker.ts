import cluster from 'node:cluster';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { configHash } from '../config/config.ts';
import { pidNamespace } from '../control/lease-keeper.ts';
import type { Clock } from '../core/clock.ts';
import { MAKERS } from '../core/ids.ts';
import { machineOffsetMs } from '../core/machine-time.ts';
import type { ControlLink } from '../control/link.ts';
import { messageOf } from '../core/errors.ts';
import { withLastMembers } from '../control/membership.ts';
import { Gateway } from '../gateway/gateway.ts';
import { RecordPeers } from '../gateway/record-peers.ts';
import { openSpanOutbox } from '../gateway/traces/open-outbox.ts';
import type { ConfigOrder, ConfigReport } from '../protocol/config-wire.ts';
import { type ById, byId, fromWireOrder, toWireReport } from '../protocol/lease-wire.ts';
import type { RecordAsk } from '../protocol/record-ask.ts';
import type { Ledger } from '../store/ledger.ts';
import type { ControlMessage, MemberMessage } from '../protocol/messages.ts';
import { itemSocketName, itemSocketPath, itemSocketPid } from '../protocol/item-socket.ts';
import { liveProcesses } from '../supervisor/process-records.ts';
import { listenersOf } from '../supervisor/host-listeners.ts';
import { portTaken } from '../supervisor/public-socket.ts';
import { openGatewayStore } from './gateway-store.ts';
import type { CommandIo } from './io.ts';
import { openAccessLogFile } from './access-log-file.ts';
import { announceReady, enterRole, exitCodeOf, linkToControl, type RoleContext, stopRequests } from './role.ts';
import { openSharedStore } from './shared-store.ts';
import { startWatchdog } from './watchdog.ts';
import { WorkerConfig } from './worker-config.ts';

/** Runs one gateway worker until it is asked to stop and has drained; resolves to the exit code. */
export async function runGatewayWorker(io: CommandIo): Promise<number> {
  const context = await enterRole('gateway', io);
  const { log, runFolder } = context;
  const config = withLastMembers(context.config, runFolder);
  const stored = { ...(await openGatewayStore(context)), sharedStore: await openSharedStore(context) };
  const accessLog = openAccessLogFile(context);
  const recordPeers = openRecordPeers(context, stored.ledger, (ask) => link.offer({ type: 'find-record', ask }));
  const spans = openSpanOutbox(context, (message) => link.offer(message));
  const worker: Gateway = new Gateway({
    ...context,
    ...stored,
    config,
    accessLog,
    recordPeers,
    spans,
    sendLeaseReport: (upstream, report) =>
      link.tell({ type: 'held', upstream, report: toWireReport(report, worker.leases.idsOf(upstream)) }),
    sendTokenAsks: (asks) => link.offer({ type: 'tokens', asks }),
    sendPlaceAsks: (asks) => link.offer({ type: 'places', asks }),
    sendCacheReport: (report) => link.tell(report),
  });
  const version = openVersion(context, io, worker, (report) => link.tell(report));
  const link: ControlLink = linkToControl(context, {
    status: () => ({ ...worker.status(), config: version.status() }),
    onConnected: () => link.tell({ ...holdings(worker, version.fileHash), maker: recordPeers.maker }),
    onMessage: (message) => {
      if (isConfigOrder(message)) version.carryOut(message);
      else if (message.type === 'find-record') link.tell(foundRecord(recordPeers, message));
      else apply(worker, recordPeers, context.clock, message);
    },
    onLost: () => {
      worker.controlLost();
      recordPeers.lost();
      version.lost();
    },
  });
  const stop = stopRequests(context);
  await currentVersion(version, context);
  await listen(worker, context, io);
  const endWatch = startWatchdog(context, io.env);
  announceReady();
  log.debug('gateway ready');
  log.debug({ signal: await stop.first }, 'gateway draining');
  void stop.second.then(() => worker.hasten());
  await worker.drain();
  await leaveCluster();
  await closeInOrder(accessLog, spans, stored, link);
  endWatch();
  return exitCodeOf(context);
}

/** The link is the last one, because the others use it. */
async function closeInOrder(...parts: ({ close(): void | Promise<void> } | undefined)[]): Promise<void> {
  for (const part of parts) await part?.close();
}

/** The records that this worker makes, and asks others for; its number in their ids is new with each start. */
const openRecordPeers = (
  { clock, random }: RoleContext,
  ledger: Ledger,
  send: (ask: RecordAsk) => boolean,
): RecordPeers => new RecordPeers({ clock, ledger, maker: Math.floor(random() * MAKERS), send });

function openVersion(
  { file, runFolder, log }: RoleContext,
  { env, folder }: CommandIo,
  gateway: Gateway,
  tell: (report: ConfigReport) => void,
): WorkerConfig {
  const held = (): Record<string, ById> => heldBy(gateway, gateway.leasesHeld());
  return new WorkerConfig({ file, env, folder, runFolder, log, gateway, held, tell });
}

/** How long a worker that starts waits for control to tell the version of the configuration. */
const VERSION_LIMIT_MS = 2000;
/** The same in a fleet, because control asks PostgreSQL first. */
const FLEET_VERSION_LIMIT_MS = 6000;

/** Without control, a worker serves the configuration that it has found. */
async function currentVersion(version: WorkerConfig, { runFolder, clock, config }: RoleContext): Promise<void> {
  if (!liveProcesses(runFolder).some(({ role }) => role === 'control')) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const { VALKEY_URL } = config.env;
  const limit = clock.setTimeout(resolve, VALKEY_URL === undefined ? VERSION_LIMIT_MS : FLEET_VERSION_LIMIT_MS);
  await Promise.race([version.known, promise]);
  limit.cancel();
}

/** The first message to control: the permits that this worker holds, and its configuration. */
function holdings(worker: Gateway, fileHash: string): Extract<MemberMessage, { type: 'holdings' }> {
  const held = heldBy(worker, worker.controlFound());
  const hash = configHash(worker.config);
  return { type: 'holdings', held, pidNamespace: pidNamespace(), configHash: hash, fileHash };
}

function foundRecord(
  records: RecordPeers,
  { asker, ask }: Extract<ControlMessage, { type: 'find-record' }>,
): MemberMessage {
  return { type: 'record', asker, number: ask.number, answer: records.answerTo(ask) };
}

function heldBy(worker: Gateway, counts: Record<string, readonly number[]>): Record<string, ById> {
  return Object.fromEntries(
    Object.entries(counts).map(([upstream, held]) => [upstream, byId(held, worker.leases.idsOf(upstream))]),
  );
}

const configOrders: ReadonlySet<string> = new Set([
  'config',
  'config-prepare',
  'config-commit',
  'config-abandon',
] satisfies ConfigOrder['type'][]);

const isConfigOrder = (message: ControlMessage): message is ConfigOrder => configOrders.has(message.type);

/** A message of control reaches the worker. */
function apply(worker: Gateway, records: RecordPeers, clock: Clock, message: ControlMessage): void {
  // The backends first: what follows is about them.
  if (message.type === 'members') worker.useMembers(message.upstreams, message.configHash);
  worker.controlHeard();
  if (message.type === 'backends') worker.applyBackends(message.backends);
  else if (message.type === 'lease') {
    const lease = worker.leases.leaseOf(message.upstream);
    lease?.apply(fromWireOrder(message.order, lease.ids));
  } else if (message.type === 'load') worker.leases.leaseOf(message.upstream)?.applyLoad(message.load);
  else if (message.type === 'lease-end') {
    const at = message.endsAt - machineOffsetMs(clock);
    for (const lease of worker.leases.leases()) lease.useLeaseEnd(at, message.standing);
  } else if (message.type === 'tokens') worker.applyTokens(message.grants, message.hosts);
  else if (message.type === 'places') worker.applyPlaces(message.news);
  else if (message.type === 'record') records.answered(message.number, message.answer);
  else if (message.type === 'keys-changed') worker.forgetKeys();
  else if (message.type === 'trust') worker.trustStored(message.until - machineOffsetMs(clock), message.news);
  else if (message.type === 'ticket-key') worker.useTicketKey(message.key);
  else if (message.type === 'forget' || message.type === 'invalidated') worker.applyCache(message);
}

/** On the sockets that the supervisor hands over; under pm2, and alone, on the ports themselves. */
async function listen(worker: Gateway, context: RoleContext, io: CommandIo): Promise<void> {
  const { config } = context;
  const { HOST: host } = config.env;
  for (const { name, port, setting, descriptor } of listenersOf(config)) {
    const fd = io.env[descriptor];
    await worker.listen(fd === undefined ? { host, port } : { fd: Number(fd) }, name).catch((error: unknown) => {
      throw portTaken('the gateway', setting, host, port, error);
    });
  }
  await listenForItems(worker, context);
}

/** Without this socket batches wait for another worker of the host; that is no reason not to serve. */
async function listenForItems(worker: Gateway, { runFolder, log }: RoleContext): Promise<void> {
  const path = itemSocketPath(runFolder, itemSocketName(process.pid));
  removeStaleSockets(runFolder);
  // Exclusive: under pm2 the daemon would listen in the place of its workers.
  await worker
    .listen({ path, exclusive: true }, 'items')
    .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'this worker takes no items of batches'));
}

/** Those of workers that were killed, and of one that had the same process id. */
function removeStaleSockets(runFolder: string): void {
  const live = new Set(liveProcesses(runFolder).map(({ pid }) => pid));
  live.delete(process.pid);
  for (const name of readdirSync(runFolder)) {
    const pid = itemSocketPid(name);
    if (pid !== undefined && !live.has(pid)) rmSync(itemSocketPath(runFolder, name), { force: true });
  }
}

/**
 * Under pm2 its daemon accepts, and hands connections over: one that is on its way while this worker ends would never be
 * answered. Its channel keeps order, so once the daemon has said goodbye everything before has gone to another worker.
 */
async function leaveCluster(): Promise<void> {
  const { worker } = cluster;
  if (worker === undefined || !worker.isConnected()) return;
  worker.disconnect();
  await once(worker, 'disconnect');
}
