import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignedLines } from '../../../src/cli/aligned-lines.ts';
import { fleetConfigText } from '../../../src/cli/fleet-config.ts';
import { fleetLeasesText, fleetNewsText, fleetStatusText } from '../../../src/cli/fleet.ts';
import { fleetReloadText } from '../../../src/cli/reload-fleet.ts';
import { lineText, terminalOutput, terminalText } from '../../../src/cli/terminal-text.ts';

/** Clears the screen, and writes a line that looks like one of Rampart's. */
const evil = '\u001b[2J\r\nall is well\u009b\u202e\u007f';

/** How many lines a text has, and whether nothing in it changes the terminal. */
function isTame(text: string, lines: number): void {
  assert.doesNotMatch(text, /[^\P{Cc}\n]|\p{Cf}/u);
  assert.equal(text.split('\n').length - 1, lines, text);
}

test('terminalText escapes as JSON does what changes a terminal, and keeps lines', () => {
  assert.equal(terminalText('a\tb\nü \u001b[2J\r\u0085\u202e'), 'a\tb\nü \\u001b[2J\\u000d\\u0085\\u202e');
  assert.equal(lineText('a\tb\n\u{e0001}'), 'a\\u0009b\\u000a\\udb40\\udc01');
  const json = JSON.stringify({ host: evil });
  assert.deepEqual(JSON.parse(terminalText(json)), { host: evil });
});

test('terminalOutput lets nothing else through', () => {
  const written: string[] = [];
  terminalOutput({ write: (text) => written.push(text) }).write(`${evil}\n`);
  assert.deepEqual(written, ['\\u001b[2J\\u000d\nall is well\\u009b\\u202e\\u007f\n']);
});

test('alignedLines: a cell stays in its row, and columns go by what is shown', () => {
  assert.deepEqual(
    alignedLines([
      ['a', 'b'],
      [`\u001b`, 'c'],
    ]),
    ['a       b', '\\u001b  c'],
  );
  isTame(`${alignedLines([[evil, evil]]).join('\n')}\n`, 1);
});

test('texts of other hosts stay in their lines in what the commands of a fleet print', () => {
  const backends = [{ upstream: evil, backend: evil, permits: 1, floor: 1, in_use: 0, cap: 2 }];
  const status = { host: evil, state: evil, hosts: 1, lease_ends_in_ms: 5, problem: evil };
  isTame(fleetStatusText({ ...status, backends }), 5);
  isTame(fleetStatusText({ ...status, backends: [] }), 1);
  isTame(fleetNewsText({ state: 'apart', problem: evil }), 1);
  const entry = { backend: evil, host: evil, stage: 'live', permits: 1, floor: 1, want: 1, ends: 5 } as const;
  const lease = { backend: evil, out: 1, quarantined: 0, cap: 2 };
  isTame(fleetLeasesText({ now: 0, backends: [lease, lease], entries: [entry] }), 7);
  const own = { version: 1, departs: false, from: 'fleet', problem: evil };
  const host = { host: evil, lives: true, version: 1, departs: false, problem: evil };
  isTame(fleetConfigText(own, { active: { number: 1, hash: 'h' }, hosts: [host] }), 5);
  isTame(fleetConfigText(own, undefined), 3);
  isTame(
    fleetReloadText({
      outcome: 'refused',
      version: 1,
      hosts: [{ host: evil, state: evil, problems: [] }],
      changes: [{ class: evil, text: evil }],
      problems: [evil],
      remarks: [evil],
    }),
    5,
  );
});
