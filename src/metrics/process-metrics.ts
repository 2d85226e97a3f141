import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Registry } from './instruments.ts';

const quantiles = [0.5, 0.9, 0.99] as const;
/** The sampling period of the delay monitor, which it counts into every sample. */
const RESOLUTION_MS = 10;

/** Registers the metrics of the process itself: processor time, memory, descriptors, event-loop delay. */
export function registerProcessMetrics(registry: Registry, role: string, version: string, instance = 0): void {
  registry
    .gauge('rampart_build_info', 'What runs; always 1', 'max', 'version', 'node')
    .of(version, process.version)
    .set(1);
  const cpu = registry.counter('rampart_process_cpu_seconds_total', 'Processor time of the role', 'role', 'mode');
  const user = cpu.of(role, 'user');
  const system = cpu.of(role, 'system');
  const rss = registry
    .gauge('rampart_process_resident_memory_bytes', 'Resident memory of the role', 'sum', 'role')
    .of(role);
  const own = registry
    .gauge('rampart_instance_resident_memory_bytes', 'Resident memory of a process', 'sum', 'role', 'instance')
    .of(role, String(instance));
  const descriptors = registry
    .gauge('rampart_process_open_fds', 'Open file descriptors of the role', 'sum', 'role')
    .of(role);
  registry.gauge('rampart_processes', 'Processes of the role', 'sum', 'role').of(role).set(1);
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const delays = registry.summary(
    'rampart_event_loop_delay_seconds',
    'Event-loop delay since the previous report, the worst process of the role',
    'role',
    'quantile',
  );
  registry.onSnapshot(() => {
    const usage = process.cpuUsage();
    user.value = usage.user / 1e6;
    system.value = usage.system / 1e6;
    // Both open a file. Without free descriptors they fail, and the last value stays.
    rss.value = readOr(rss.value, () => process.memoryUsage.rss());
    own.value = rss.value;
    descriptors.value = readOr(descriptors.value, () => readdirSync('/proc/self/fd').length);
    for (const quantile of quantiles) {
      const seconds = delay.count === 0 ? 0 : delay.percentile(quantile * 100) / 1e9 - RESOLUTION_MS / 1000;
      delays.of(role, String(quantile)).set(Math.max(0, seconds));
    }
    delay.reset();
  });
}

/** The reading, or the previous value if there is none: without free descriptors, or without /proc as on macOS. */
function readOr(previous: number, read: () => number): number {
  try {
    return read();
  } catch {
    return previous;
  }
}
