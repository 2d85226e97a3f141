// npm run docs:fleet-bugs: puts defects into a copy of the code, one at a time, and writes into docs/fleet-proof.md which test found each;
// about three minutes. Exit code 1 if a test fails on code as it is, or finds nothing wrong with a defect.
import { seededBugs } from './fleet-bugs/seeded-bugs.ts';
import { tryBug } from './fleet-bugs/try-bug.ts';
import { writeTable } from './write-table.ts';

const soundTests = [...new Set(seededBugs.flatMap(({ tests }) => tests))];
const sound = await tryBug({ tests: soundTests });
console.error(`code as it is: ${sound.passed} passed, ${sound.failed.length} failed`);
const rows: string[] = [];
let missed = sound.failed.length;
for (const bug of seededBugs) {
  const { failed, said } = await tryBug(bug);
  console.error(`${failed.length > 0 ? 'found' : 'MISSED'}: ${bug.name}: ${said}`);
  if (failed.length === 0) missed++;
  const others = failed.length > 1 ? `, and ${failed.length - 1} more` : '';
  rows.push(`| ${bug.name} | ${failed.length === 0 ? '**nothing**' : `${failed[0]}${others}`} |`);
}
const head = `| defect in the code | found by the test |\n|---|---|`;
const sum = `On code as it is, ${sound.passed} of these tests pass and ${sound.failed.length} fail. ${seededBugs.length - (missed - sound.failed.length)} of ${seededBugs.length} defects are found.`;
writeTable('fleet-proof.md', 'seeded bugs', `\n${head}\n${rows.join('\n')}\n\n${sum}\n`);
console.log(sum);
process.exitCode = missed > 0 ? 1 : 0;
