// npm run ok: the fast checks, in under half a minute: types, lint, format, unused code, unit tests.
import { runChecks } from './checks.ts';
import { conclude, noTests, runTogether } from './run-tests.ts';

const count = { ...noTests(), ...runChecks() };
await runTogether('test/unit/**/*.test.ts', 2, count);
conclude(count);
