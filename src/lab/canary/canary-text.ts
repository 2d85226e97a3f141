import { type CanaryJudgement, MORE_FAILED } from './judge.ts';

const percent = (share: number): string => `${share >= 0 ? '' : '-'}${(Math.abs(share) * 100).toFixed(1)} %`;
const change = (share: number): string => `${share > 0 ? '+' : ''}${percent(share)}`;

/** What `rampart lab compare --canary` prints. */
export function canaryText(endpoint: string, upstream: string, judgement: CanaryJudgement): string {
  const { verdict, latency, failures, requests, windows, reason } = judgement;
  const lines = [
    `${upstream} beside the other sides of ${endpoint}: ${requests.canary} and ${requests.rest} requests, ${windows} windows`,
    `  failed requests: ${percent(failures.canary)} against ${percent(failures.rest)}, p ${failures.p.toFixed(3)}; worse is more than ${percent(MORE_FAILED)} more: ${failures.isWorse ? 'worse' : 'not worse'}`,
  ];
  if (latency !== undefined) {
    const { low, high } = latency.interval;
    lines.push(
      `  p95 latency: ${change(latency.change)}, 95 % interval ${change(low)} to ${change(high)}, p ${latency.p.toFixed(3)}: ${latency.verdict}`,
    );
  }
  if (reason !== '') lines.push(`  invalid: ${reason}`);
  const next = {
    passed:
      latency?.verdict === 'inconclusive'
        ? 'more windows (--runs) could show a difference of the latency'
        : 'give it more weight',
    failed: 'take its weight back, and look into its log',
    invalid: 'watch for longer, or give it more weight',
  }[verdict];
  return `${lines.join('\n')}\n${verdict}. Next: ${next}.\n`;
}
