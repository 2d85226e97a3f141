// npm run bench:strangers -- PART: what clients, backends and machines that are not ours do to the gateway, with HAProxy
// beside it where it can do the same. With --write the tables go into docs/.
import { closedLoop } from './strangers/closed-loop.ts';
import { permits } from './strangers/permits.ts';
import { slowClients } from './strangers/slow-clients.ts';
import { unreadReplies } from './strangers/unread.ts';
import { variedDurations } from './strangers/varied-durations.ts';

const parts: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  closed: closedLoop,
  permits,
  durations: variedDurations,
  slow: slowClients,
  unread: unreadReplies,
};

const [name = ''] = process.argv.slice(2);
const chosen = name === '' || name.startsWith('--') ? Object.keys(parts) : [name];
for (const part of chosen) {
  const run = parts[part];
  if (run === undefined) {
    console.error(
      `bench:strangers has no part '${part}': it takes ${Object.keys(parts).join(', ')}, or nothing for all`,
    );
    process.exit(2);
  }
  console.log(`\n${part}\n`);
  await run(process.argv.slice(2).filter((argument) => argument.startsWith('--')));
}
