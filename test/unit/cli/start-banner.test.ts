import assert from 'node:assert/strict';
import { test } from 'node:test';
import { banner } from '../../../src/cli/start-banner.ts';
import { configWithFile } from '../../../src/config/config.ts';
import { parseConfigFile } from '../../../src/config/file.ts';

const { file } = parseConfigFile({ upstreams: { app: { backends: ['http://10.0.0.9:3000'], cap: 9 } } }, 'test');

const shown = (env: Record<string, string>, isOwnFile = true): Promise<string> =>
  banner({
    config: configWithFile({ GENERATOR_INSTANCES: '0', ...env }, file, import.meta.dirname),
    isOwnFile,
    database: undefined,
  });

test('the banner says what PostgreSQL is used for where no route needs it', async () => {
  const DATABASE_URL = 'postgres://db/rampart';
  assert.match(await shown({}), /database {2}none: no route needs one\n/);
  assert.match(await shown({ DATABASE_URL }), /database {2}none: no route needs one, so DATABASE_URL is not used\n/);
  assert.match(
    await shown({ DATABASE_URL, VALKEY_URL: 'redis://valkey' }),
    /database {2}PostgreSQL of DATABASE_URL, for what the hosts of the fleet share; no route needs it\n/,
  );
});

test('the banner has the caps of the configuration in force, and says when that is not the file of the host', async () => {
  assert.match(await shown({}), /1 of upstream app, 9 requests at a time each\n/);
  assert.doesNotMatch(await shown({}), /note/);
  assert.match(await shown({}, false), /\n {4}note {6}not the configuration file of this host is in force/);
});
