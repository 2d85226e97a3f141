/** Control leases the permits for bulk requests of an upstream as those of one backend, under a name that no upstream has. */
export const bulkLeaseOf = (upstream: string): string => `${upstream}/bulk`;
export const BULK_ID = 'bulk';
