import type { ErrorPages } from '../config/model.ts';
import { requestId } from '../core/ids.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayContext } from './context.ts';
import { readHead } from './http/request-head.ts';
import { type Checked, thenCheck } from './limits/checked.ts';
import { errorPage } from './http/error-page.ts';
import { problemReply } from './http/problem-reply.ts';
import { schemeOf } from './http/scheme.ts';
import { ClientGone } from './upstream/cancellable.ts';
import { type Reason, Refusal } from './refusal.ts';
import { clientClosed } from './http/body-refusals.ts';
import type { Match, Router } from './router.ts';
import type { Route } from './routes/route.ts';
import { forward } from './stack.ts';
import { requestIdOf, traceparentOf } from './http/trace-context.ts';

/**
 * The life of a request, in order. A step returns the input of the next one, or a refusal, which ends the request.
 * Never rejects: an exception is a bug, and ends this request only.
 */
export async function requestPath(x: Exchange, gateway: GatewayContext, router: Router): Promise<void> {
  try {
    begin(x);
    const refusal = await walk(x, gateway, router);
    if (refusal !== undefined) refuse(x, refusal, gateway);
    else if (x.clientBehaviour?.refusalPause.hasStreak === true)
      x.clientBehaviour.refusalPause.served(gateway.clock.now());
  } catch (error) {
    gateway.bugs.report('request', error, { requestId: x.id, endpoint: x.metrics.endpoint });
    answerBug(x, gateway);
  }
}

function answerBug(x: Exchange, gateway: GatewayContext): void {
  try {
    x.underway?.cancel(new ClientGone());
    const refusal = new Refusal('internal-error', 'the gateway failed; its log has the reason under this request id');
    refuse(x, refusal, gateway);
  } catch (error) {
    gateway.bugs.report('request', error, { requestId: x.id, endpoint: x.metrics.endpoint });
    x.reply.abort();
  }
}

async function walk(x: Exchange, gateway: GatewayContext, router: Router): Promise<Refusal | undefined> {
  // 1 identify: before anything else can fail, so that every reply and every log line has the id
  const unidentified = identify(x, gateway);
  if (unidentified !== undefined) return unidentified;
  if (isForGateway(x)) return answerForGateway(x);

  // 2 match: early, because a path without a route needs no further work
  const match = router.find(x.request.method, x.head, schemeOf(x, gateway.trustedProxies));
  if (match instanceof Refusal) return match;
  const { route } = match;
  enter(x, match);

  // 3 authenticate: before the limit and the record, which need the key. The limit of the address comes first, so that
  // requests which guess keys count, too
  if (route.skipsAddressLimit !== true) {
    const checking = gateway.limits.rates.checkAddress(x);
    const flooding = checking instanceof Promise ? await checking : checking;
    if (flooding !== undefined) return flooding;
  }
  // Before the key, which a preflight does not have; an address that may not come in must not guess keys
  const gate = route.gate?.check(x);
  if (gate !== undefined) return gate === true ? undefined : gate;
  if (route.authenticator !== undefined) {
    const asked = route.authenticator.identify(x);
    const found = asked instanceof Promise ? await asked : asked;
    if (found === 'answered') return undefined;
    if (found instanceof Refusal) return withoutKey(x, found, gateway);
    x.key = found;
  }

  // 4 limit: before the cache, because a hit uses quota, too
  const limiting = checkLimits(x, route, gateway);
  const limited = limiting instanceof Promise ? await limiting : limiting;
  if (limited !== undefined) return limited;
  if (route.kind === 'local') return route.answer(x);

  // A client that has left in the meantime must use no capacity.
  if (x.over) return clientClosed;

  // 5 look up: before admission, because a hit uses no capacity; concurrent misses of a cache key share steps 6 to 8.
  // A body that is received whole is received here, so that a slow client holds no permit
  const preparing = route.prepare(x);
  const prepared = preparing instanceof Promise ? await preparing : preparing;
  if (prepared === undefined || prepared instanceof Refusal) return prepared;
  if (prepared.kind === 'cacheable') return gateway.cache.answer(prepared);

  // 6 admit, 7 pick, 8 forward, 9 respond: together, since a second attempt goes through all of them again
  return forward(x, prepared.request, prepared.sink, gateway.stack);
}

/** The key's rate and requests in flight, then those of the route. */
function checkLimits(x: Exchange, { limit, skipsKeyLimits }: Route, { limits }: GatewayContext): Checked {
  if (skipsKeyLimits === true) return limit?.check(x);
  const byKey = thenCheck(limits.rates.checkKey(x), () => limits.inFlight.checkKey(x));
  return limit === undefined ? byKey : thenCheck(byKey, () => limit.check(x));
}

function identify(x: Exchange, gateway: GatewayContext): Refusal | undefined {
  const head = readHead(x.request);
  if (head instanceof Refusal) return head;
  x.head = head;
  x.id = requestIdOf(head.requestId);
  x.traceparent = traceparentOf(head.traceparent);
  gateway.tracer?.begin(x);
  if (!x.isLoop) return undefined;
  return new Refusal('loop', 'the request has passed through this gateway before', { close: true });
}

function withoutKey(x: Exchange, refusal: Refusal, gateway: GatewayContext): Refusal {
  if (refusal.extras.isGuess === true) gateway.limits.guesses.failed(x);
  return refusal;
}

/** Answers OPTIONS for the whole server, and requests with Max-Forwards 0 (RFC 9110 §7.6.2). */
function isForGateway({ request: { method }, head: { path, maxForwards } }: Exchange): boolean {
  return path === '*' || (maxForwards === 0 && (method === 'OPTIONS' || method === 'TRACE'));
}

function answerForGateway(x: Exchange): Refusal | undefined {
  if (x.request.method === 'TRACE') return new Refusal('method-not-allowed', 'TRACE is not answered here');
  x.respond(204, ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'], '');
  return undefined;
}

/** Step 10 waits for the end of the reply: a client that leaves cancels everything, and every end is recorded. */
function begin(x: Exchange): void {
  x.metrics.inFlight.value++;
  x.reply.ownedBy(x);
}

/** The end of a request: releases everything before any step that may throw. */
export function endRequest(x: Exchange, gateway: GatewayContext): void {
  if (x.over) return;
  const delivered = x.tunnelled || x.reply.isDelivered;
  x.over = true;
  x.metrics.inFlight.value--;
  try {
    if (!delivered) x.underway?.cancel(new ClientGone());
  } catch (error) {
    gateway.bugs.report('cancel', error, { requestId: x.id, endpoint: x.metrics.endpoint });
  }
  try {
    x.releaseAll();
    record(x, gateway, delivered);
  } catch (error) {
    gateway.bugs.report('record', error, { requestId: x.id, endpoint: x.metrics.endpoint });
  }
}

function enter(x: Exchange, { route, values }: Match): void {
  x.pathValues = values;
  x.route = route.config;
  x.routePriority = route.config?.priority;
  x.replyChange = route.replyChange;
  x.errorPages = route.errorPages;
  route.compressor?.wrap(x);
  x.metrics.inFlight.value--;
  x.metrics = route.metrics;
  x.metrics.inFlight.value++;
}

const endedElsewhere: ReadonlySet<Reason> = new Set(['client-closed', 'upstream-failed', 'upstream-timeout']);

function refuse(x: Exchange, refusal: Refusal, gateway: GatewayContext): void {
  x.refusal = refusal;
  // A failure of a backend or of the client does not count as a rejection by the gateway.
  if (!endedElsewhere.has(refusal.reason)) {
    x.metrics.countRejection(refusal.reason);
    if (x.key !== undefined) gateway.limits.refusedKeys.count(x.key.id, x.key.name, refusal.reason);
  }
  if (refusal.status >= 500) x.failure ??= refusal.reason;
  if (x.over) return;
  if (x.reply.headSent) {
    x.reply.cut();
    return;
  }
  // A client that ignores Retry-After gets each refusal a little later, because its refusals must not crowd out the
  // work.
  gateway.limits.lateRefusals.send(x, refusal, () => answerRefusal(x, refusal, gateway.config.errorPages));
}

function answerRefusal(x: Exchange, refusal: Refusal, pages: ErrorPages | undefined): void {
  if (x.id === '') x.id = requestId();
  const page = errorPage(refusal.status, x, pages);
  const { status, headers, body } = problemReply(refusal, x.id, page);
  if (refusal.extras.close === true) x.reply.closeAfterReply = true;
  x.writeHead(status, headers);
  x.reply.end(body);
}

function record(x: Exchange, gateway: GatewayContext, delivered: boolean): void {
  const { metrics } = x;
  const elapsedMs = gateway.clock.now() - x.startedAt;
  if (!delivered) x.failure ??= 'client-closed';
  const status = x.failure === 'client-closed' ? 499 : x.tunnelled ? 101 : x.reply.status;
  metrics.countStatus(status);
  metrics.requestBytes.value += x.request.receivedBytes;
  metrics.replyBytes.value += x.reply.writtenBytes;
  metrics.latency.observe(elapsedMs / 1000);
  if (x.trace?.isSampled === true)
    metrics.latency.exemplify(elapsedMs / 1000, x.trace.traceId, gateway.clock.wallNow());
  x.side?.observe(status, elapsedMs / 1000);
  if (x.execPhase === 'upstream' || x.queueMs > 0) metrics.waitQueue.observe(x.queueMs / 1000);
  if (x.execPhase === 'upstream') metrics.execUpstream.observe(x.execMs / 1000);
  if (x.permitMs > 0) metrics.observeWait('permit', x.permitMs / 1000);
  if (x.coalescedMs > 0) metrics.observeWait('coalesced', x.coalescedMs / 1000);
  if (x.execPhase === 'database') metrics.observeExec(x.execPhase, x.execMs / 1000);
  if (x.failure !== undefined) metrics.countError(x.failure);
  x.onClose?.(delivered);
  gateway.requestLog.write(x, status, elapsedMs);
  gateway.accessLog?.write(x, status, elapsedMs);
  x.trace?.ended(status, elapsedMs);
}
