import { imageFormats } from '../../barcode/formats.ts';
import { MOST_ITEMS } from './batch-items.ts';

type Json = Record<string, unknown>;

/** How the document writes its parts. */
interface Parts {
  operation(operationId: string, summary: string, rest: Json): Json;
  json(schema: Json): Json;
  readonly problem: Json;
}

const time: Json = { type: ['string', 'null'], format: 'date-time' };

/** The schema of a batch. */
export const batchSchema: Json = {
  type: 'object',
  required: ['id', 'status', 'total', 'done', 'failed', 'pending', 'created_at', 'results'],
  properties: {
    id: { type: 'string', format: 'uuid' },
    status: { type: 'string', enum: ['queued', 'running', 'completed', 'cancelled'] },
    total: { type: 'integer' },
    done: { type: 'integer' },
    failed: { type: 'integer' },
    pending: { type: 'integer' },
    items_per_second: { type: ['number', 'null'] },
    created_at: { type: 'string', format: 'date-time' },
    started_at: time,
    finished_at: time,
    expected_end: time,
    results: { type: 'string', format: 'uri-reference' },
    webhook: {
      type: 'object',
      description: 'How far the announcement of its end is, if one was asked for',
      properties: {
        status: { type: 'string', enum: ['waiting', 'sending', 'delivered', 'failed'] },
        attempts: { type: 'integer' },
        last_error: { type: ['string', 'null'] },
      },
    },
  },
};

/** The message that announces the end of a batch, signed as Standard Webhooks 1.0 says. */
export function batchWebhooks({ json }: Pick<Parts, 'json'>): Json {
  const header = (name: string): Json => ({ name, in: 'header', required: true, schema: { type: 'string' } });
  const message = {
    type: 'object',
    required: ['type', 'timestamp', 'data'],
    properties: {
      type: { type: 'string', enum: ['batch.completed', 'batch.cancelled'] },
      timestamp: { type: 'string', format: 'date-time' },
      data: one,
    },
  };
  return {
    batchEnded: {
      post: {
        operationId: 'batchEnded',
        summary: 'The batch that named this URL in Rampart-Webhook has ended',
        security: [],
        parameters: ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header),
        requestBody: { required: true, content: json(message) },
        responses: {
          '2XX': { description: 'It has arrived' },
          410: { description: 'It is not wanted any more' },
          default: { description: 'It is sent again, later and later' },
        },
      },
    },
  };
}

/** The schema of one line of the results. */
export const batchResultSchema: Json = {
  type: 'object',
  required: ['item', 'symbology', 'format', 'text', 'status'],
  properties: {
    item: { type: 'integer', minimum: 1 },
    symbology: { type: 'string' },
    format: { type: 'string', enum: imageFormats },
    text: { type: 'string' },
    status: { type: 'string', enum: ['done', 'failed'] },
    id: { type: 'string', format: 'uuid' },
    image: { type: 'string', format: 'uri-reference' },
    reason: { type: 'string' },
    detail: { type: 'string' },
  },
};

const one: Json = { $ref: '#/components/schemas/Batch' };
const id: Json = { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } };
const query = (name: string, schema: Json): Json => ({ name, in: 'query', required: false, schema });
const request: Json = { $ref: '#/components/schemas/BarcodeRequest' };

/** The operations of batches. */
export function batchPaths(parts: Parts): Json {
  const { operation, json } = parts;
  const progress = { description: 'Its progress', content: json(one) };
  const lines = {
    'application/x-ndjson': { schema: { $ref: '#/components/schemas/BatchResult' } },
    'application/zip': { schema: { type: 'string', contentMediaType: 'application/zip' } },
  };
  return {
    '/v1/batches': { post: createOperation(parts), get: listOperation(parts) },
    '/v1/batches/{id}': {
      get: operation('getBatch', 'How far a batch is', { parameters: [id], responses: { 200: progress } }),
    },
    '/v1/batches/{id}/cancel': {
      post: operation('cancelBatch', 'Begin no further item', { parameters: [id], responses: { 202: progress } }),
    },
    '/v1/batches/{id}/results': {
      get: operation('getBatchResults', 'What became of its items, in order, as far as they have results', {
        parameters: [id],
        responses: { 200: { description: 'One line for each item, or an archive of the images', content: lines } },
      }),
    },
  };
}

function createOperation({ operation, json, problem }: Parts): Json {
  const location = { Location: { schema: { type: 'string', format: 'uri-reference' } } };
  const items = { type: 'array', maxItems: MOST_ITEMS, items: request };
  const key = {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  };
  const webhook = {
    name: 'Rampart-Webhook',
    in: 'header',
    required: false,
    description: 'URL that is sent a signed message when the batch has ended',
    schema: { type: 'string', format: 'uri', maxLength: 2000 },
  };
  return operation('createBatch', 'Hand over a list of barcodes, all of it or nothing; in NDJSON, one request a line', {
    parameters: [key, webhook],
    requestBody: { required: true, content: { ...json(items), 'application/x-ndjson': { schema: request } } },
    responses: {
      202: { description: 'It is stored, and made in the background', headers: location, content: json(one) },
      409: { description: 'The first request with this Idempotency-Key has not ended', content: problem },
      422: { description: 'Items are invalid; `errors` has their numbers. Nothing was stored', content: problem },
    },
  });
}

function listOperation({ operation, json }: Parts): Json {
  const list = {
    type: 'object',
    properties: { batches: { type: 'array', items: one }, next_cursor: { type: ['string', 'null'] } },
  };
  return operation('listBatches', 'The batches of this key, newest first', {
    parameters: [
      query('page_size', { type: 'integer', minimum: 1, maximum: 100, default: 20 }),
      query('cursor', { type: 'string' }),
    ],
    responses: { 200: { description: 'A page', content: json(list) } },
  });
}
