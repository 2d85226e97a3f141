/** What a session of HTTP/2 has carried so far. */
export interface SessionTraffic {
  /** Bytes of its frames that have arrived, after TLS. */
  readonly receivedBytes: number;
  readonly requests: number;
  /** Bytes of the bodies of its requests, and of its replies. */
  readonly bodyBytes: number;
  readonly replyBytes: number;
}

/** A session may send this much more than its requests need: acknowledgements, settings, pings. */
const ALLOWANCE_BYTES = 64 * 1024;
/** The largest head of a request, with its frames. */
const HEAD_BYTES = 20 * 1024;
/** Frames of 9 bytes around pieces of a body, which may be small. */
const BODY_FACTOR = 2;
/** A WINDOW_UPDATE of 13 bytes for each DATA frame of a reply, of which honest clients send fewer. */
const REPLY_PART = 1 / 64;

/**
 * Whether a session sends many more bytes than its requests can need: floods of frames without meaning (PING, SETTINGS,
 * PRIORITY, WINDOW_UPDATE, empty DATA, resets) cost processor time, and each of them is valid by itself.
 */
export function isFlood({ receivedBytes, requests, bodyBytes, replyBytes }: SessionTraffic): boolean {
  const needed = requests * HEAD_BYTES + bodyBytes * BODY_FACTOR + replyBytes * REPLY_PART;
  return receivedBytes > needed + ALLOWANCE_BYTES;
}
