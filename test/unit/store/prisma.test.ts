import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from 'pg';
import type { PrismaClient } from '../../../src/store/generated/client.ts';
import { lazyPrisma } from '../../../src/store/prisma.ts';

const pool = {} as Pool;

/** A client that counts how often it is closed. */
function fakeClient(): { readonly client: PrismaClient; closed(): number } {
  let closed = 0;
  const client = { $disconnect: async () => void closed++ } as unknown as PrismaClient;
  return { client, closed: () => closed };
}

/** Opens with these results, one after another. */
function opensWith(...results: (PrismaClient | Error)[]): { open: () => Promise<PrismaClient>; opened(): number } {
  let opened = 0;
  const open = async (): Promise<PrismaClient> => {
    const result = results[opened++];
    if (result instanceof Error || result === undefined) throw result ?? new Error('opened once too often');
    return result;
  };
  return { open, opened: () => opened };
}

test('lazyPrisma: a client that could not be loaded is loaded by the next call', async () => {
  const { client } = fakeClient();
  const { open, opened } = opensWith(new Error('too many open files'), client);
  const { prisma } = lazyPrisma(pool, open);
  await assert.rejects(prisma(), /too many open files/);
  assert.equal(await prisma(), client);
  assert.equal(await prisma(), client);
  assert.equal(opened(), 2);
});

test('lazyPrisma: calls at the same time share one load, whether it fails or succeeds', async () => {
  const { client } = fakeClient();
  const { open, opened } = opensWith(new Error('too many open files'), client);
  const { prisma } = lazyPrisma(pool, open);
  const failed = await Promise.allSettled([prisma(), prisma()]);
  assert.deepEqual(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.deepEqual(await Promise.all([prisma(), prisma()]), [client, client]);
  assert.equal(opened(), 2);
});

test('lazyPrisma: close ends well while a load fails, without a load, and after one', async () => {
  const { client, closed } = fakeClient();
  const failing = lazyPrisma(pool, opensWith(new Error('too many open files')).open);
  const asked = failing.prisma();
  await Promise.all([failing.close(), assert.rejects(asked)]);

  const idle = opensWith();
  await lazyPrisma(pool, idle.open).close();
  assert.equal(idle.opened(), 0);

  const loaded = lazyPrisma(pool, opensWith(client).open);
  await loaded.prisma();
  await loaded.close();
  assert.equal(closed(), 1);
});
