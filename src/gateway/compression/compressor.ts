import { type CompressionRules, typeMatcher } from '../../policy/compression/compressible.ts';
import type { Exchange } from '../exchange.ts';
import { CompressedReply } from './compressed-reply.ts';
import type { Compressions, RouteCompression } from './compressions.ts';

/** Compresses the replies of a route. */
export class Compressor implements RouteCompression {
  readonly rules: CompressionRules;
  readonly isType: (contentType: string) => boolean;
  readonly compressions: Compressions;

  constructor(rules: CompressionRules, compressions: Compressions) {
    this.rules = rules;
    this.isType = typeMatcher(rules.types);
    this.compressions = compressions;
  }

  /** Puts itself between the request and its client. */
  wrap(x: Exchange): void {
    if (x.request.upgrade === undefined) x.reply = new CompressedReply(x, this);
  }
}
