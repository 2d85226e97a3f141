import type { Registry } from '../metrics/instruments.ts';

interface PoolCounts {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

/** Shows the connections of a process's pool; returns what must be told of each wait for one. */
export function poolMetrics(
  registry: Registry,
  role: 'gateway' | 'batch' | 'control',
  max: number,
  pool: () => PoolCounts,
): (seconds: number) => void {
  const waits = registry.histogram('rampart_db_pool_wait_seconds', 'Wait for a database connection').of();
  const connections = registry.gauge('rampart_db_pool_connections', 'Database connections', 'sum', 'role', 'state');
  registry.onSnapshot(() => {
    const { total, idle, waiting } = pool();
    connections.of(role, 'busy').set(total - idle);
    connections.of(role, 'idle').set(idle);
    connections.of(role, 'waiting').set(waiting);
    connections.of(role, 'max').set(max);
  });
  return (seconds) => waits.observe(seconds);
}
