/**
 * node:http, as CommonJS has it. `import 'node:http'` makes a list of all its exports, and to read one of them, WebSocket,
 * Node loads its own fetch: 14 MB of resident memory a process (`npm run bench -- memory`).
 */
export const { Agent, createServer, request, ServerResponse } = process.getBuiltinModule('node:http');
