// npm run docs:fleet-bugs: puts defects into a copy of the code, one at a time, and writes into docs/fleet-proof.md which test found each;
// about ten minutes. Exit code 1 if a test fails on code as it is, or finds nothing wrong with a defect.
import { seededBugs, soundRun } from './fleet-bugs/seeded-bugs.ts';
import { CodeCopy } from './fleet-bugs/try-bug.ts';
import { writeTable } from './write-table.ts';

const copy = new CodeCopy();
process.once('exit', () => copy.remove());
const sound = await copy.run([...new Set(seededBugs.flatMap(({ tests }) => tests))]);
const soundFleet = await copy.runFleet({ args: soundRun, finds: /replies are older|have (no|two) results?/ });
console.error(`code as it is: ${sound.passed} passed, ${sound.failed.length} failed`);
const rows: string[] = [];
let found = 0;
for (const bug of seededBugs) {
  const { failed, said } = await copy.tryBug(bug);
  const [first = '**nothing**', ...others] = failed;
  if (failed.length > 0) found++;
  console.error(`${failed.length > 0 ? 'found' : 'MISSED'}: ${bug.name}: ${said}`);
  rows.push(`| ${bug.name} | ${first}${others.length > 0 ? `, and ${others.length} more` : ''} |`);
}
const head = `| defect in the code | found by the test |\n|---|---|`;
const passed = sound.passed + soundFleet.passed;
const failures = sound.failed.length + soundFleet.failed.length;
const sum = `On code as it is, ${passed} of these tests and runs pass and ${failures} fail. ${found} of ${seededBugs.length} defects are found.`;
writeTable('fleet-proof.md', 'seeded bugs', `\n${head}\n${rows.join('\n')}\n\n${sum}\n`);
console.log(sum);
process.exitCode = failures === 0 && found === seededBugs.length ? 0 : 1;
