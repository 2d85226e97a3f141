import { defineConfig } from 'prisma/config';

// Read by Prisma's own commands only (`prisma generate`, `prisma migrate status`); Rampart itself passes the URL.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? 'postgresql://rampart@localhost/rampart' },
});
