import { escapeText } from './harmless.ts';
import type { RunRecord } from './run-record.ts';

/** The gates as test cases, for continuous integration; an invalid run is an error, which is neither passed nor failed. */
export function junitReport({ id, experiment, seconds, gates: all, reasons }: RunRecord): string {
  // An invalid run must not look like one without tests.
  const nothing = { name: 'the run', expected: 'valid', got: 'invalid', passed: false };
  const gates = all.length === 0 && reasons.length > 0 ? [nothing] : all;
  const failures = gates.filter(({ passed }) => !passed).length;
  const cases = gates.map(({ name, expected, got, passed }) => {
    const head = `    <testcase classname="rampart.lab.${escapeText(experiment)}" name="${escapeText(name)}"`;
    if (reasons.length > 0)
      return `${head}><error message="${escapeText(`invalid run: ${reasons.join('; ')}`)}"/></testcase>`;
    if (passed) return `${head}/>`;
    return `${head}><failure message="${escapeText(`expected ${expected}, got ${got}`)}"/></testcase>`;
  });
  const errors = reasons.length > 0 ? gates.length : 0;
  const counts = `tests="${gates.length}" failures="${errors > 0 ? 0 : failures}" errors="${errors}" time="${seconds.toFixed(1)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escapeText(`rampart lab ${experiment} ${id}`)}" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}
