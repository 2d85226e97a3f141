import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { evaluateConfigFile } from '../../src/config/evaluate.ts';
import { systemClock } from '../../src/core/clock.ts';

test('a configuration file is evaluated on a machine without a free processor', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-busy-'));
  writeFileSync(join(folder, 'rampart.config.mjs'), 'export default { routes: [] };\n');
  // Each one leads a session, as the processes of a host do, and ends by itself.
  const burners = Array.from({ length: 8 * availableParallelism() }, () =>
    spawn('timeout', ['30', 'sh', '-c', 'while :; do :; done'], { detached: true, stdio: 'ignore' }),
  );
  try {
    const options = { named: 'rampart.config.mjs', folder, env: process.env, clock: systemClock };
    assert.deepEqual(await evaluateConfigFile(options), { file: { routes: [] }, problems: [] });
  } finally {
    for (const { pid } of burners) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
