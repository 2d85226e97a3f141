/** What the layers leave in a caller about its call. */
export class CallRecord {
  queueMs = 0;
  permitMs = 0;
  execMs = 0;
  execPhase: 'upstream' | 'database' | undefined;
  upstream = '';
  backend = '';
  attempts = 0;
  failure: string | undefined;
}
