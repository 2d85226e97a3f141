import type { FieldProblem } from '../barcode/validate.ts';
import type { SlotPermit } from './slots.ts';

export interface RenderedImage {
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** The result of a request: an image, or its errors field by field. */
export type WorkOutcome =
  | { readonly ok: true; readonly image: RenderedImage }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** Does the work once there is a slot for it. */
export type Job = (permit: SlotPermit) => WorkOutcome | Promise<WorkOutcome>;

export type PreparedWork =
  | { readonly ok: true; readonly job: Job }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** The work of a generator: barcodes, or only the time that they would take. */
export interface Work {
  readonly kind: 'barcode' | 'calibrated';
  /** Checks a body (already parsed from JSON), so that a hopeless one takes no slot. */
  prepare(body: unknown): PreparedWork;
}
