import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runRampart, stackSettings } from '../support/stack.ts';

const evil = 'x\u001b[2J\u009b';

test('no command prints a character that changes the terminal', async () => {
  const settings = await stackSettings({ GENERATOR_INSTANCES: '0', OTEL_SERVICE_NAME: evil });
  const output = await runRampart(['check'], settings);
  assert.match(output.stdout, /OTEL_SERVICE_NAME +x\\u001b\[2J\\u009b\n/);
  const json = await runRampart(['check', '--json'], settings);
  const { environment } = JSON.parse(json.stdout) as { environment: { OTEL_SERVICE_NAME: string } };
  assert.equal(environment.OTEL_SERVICE_NAME, evil);
  const refused = await runRampart(['check'], { ...settings, PORT: evil });
  assert.match(refused.stderr, /got 'x\\u001b\[2J\\u009b'/);
  const unknown = await runRampart([evil], settings);
  assert.match(unknown.stderr, /there is no command 'x\\u001b\[2J\\u009b'/);
  for (const { stdout, stderr } of [output, json, refused, unknown])
    assert.doesNotMatch(stdout + stderr, /[^\P{Cc}\n]/u);
});
