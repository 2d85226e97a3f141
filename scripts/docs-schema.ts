// npm run docs:schema: docs/run.schema.json, from the schema by which the lab reads runs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runJsonSchema } from '../src/lab/report/run-schema.ts';
import { root } from './root.ts';

writeFileSync(join(root, 'docs', 'run.schema.json'), `${JSON.stringify(runJsonSchema(), undefined, 2)}\n`);
