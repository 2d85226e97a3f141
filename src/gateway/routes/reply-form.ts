import { type ImageFormat, imageFormats, imageType } from '../../barcode/formats.ts';
import { formatNamed } from '../../barcode/names.ts';
import { warningsOf } from '../../barcode/warnings.ts';
import { chooseType } from '../../policy/negotiation/accept.ts';
import type { BarcodeRecord } from '../../store/records.ts';
import type { Exchange } from '../exchange.ts';
import { listValue } from '../http/request-fields.ts';
import { Refusal } from '../refusal.ts';
import { publicRecord } from './records.ts';

const JSON_TYPE = 'application/json';
const imageTypes = imageFormats.map(imageType);

/** What a client wants of an image, by its Accept. */
export interface ReplyForm {
  /** The format of a request that names none. */
  readonly format: ImageFormat;
  readonly isJson: boolean;
}

/**
 * Chooses the reply to a request for an image. `named`: the format that the request itself names, which counts more than
 * Accept. `withJson`: whether there is a record to send as JSON.
 */
export function replyForm(x: Exchange, named: unknown, withJson: boolean): ReplyForm | Refusal {
  const accept = listValue(x.head, 'accept');
  const json = withJson ? [JSON_TYPE] : [];
  if (named !== undefined) {
    const known = formatNamed(named);
    const format = imageFormats.find((each) => each === known);
    // One that does not exist is refused with the rest of the request.
    if (format === undefined) return { format: 'svg', isJson: false };
    return { format, isJson: chooseType(accept, [imageType(format), ...json]) === JSON_TYPE };
  }
  const type = chooseType(accept, [...imageTypes, ...json]);
  if (type === undefined) {
    const offered = [...imageTypes, ...json].join(', ');
    return new Refusal('not-acceptable', `the reply can be ${offered}`, { headers: ['vary', 'Accept'] });
  }
  return { format: type === JSON_TYPE ? 'svg' : (formatNamed(type) as ImageFormat), isJson: type === JSON_TYPE };
}

/** Header fields that say what is probably not meant. */
export const warningHeaders = (request: Pick<BarcodeRecord, 'symbology' | 'text'>): string[] =>
  warningsOf(request).flatMap((warning) => ['rampart-warning', warning]);

/** The record with its image in base64. */
export function recordAsJson(record: BarcodeRecord, prefix: string): string {
  return JSON.stringify({
    ...publicRecord(record, prefix),
    content_type: imageType(record.format),
    image_base64: Buffer.from(record.bytes).toString('base64'),
    warnings: warningsOf(record),
  });
}
