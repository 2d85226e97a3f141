/**
 * node:http, as CommonJS has it. `import 'node:http'` reads all exports of the module, and for one of them, WebSocket,
 * Node loads its own fetch: 14 MB of resident memory a process (`npm run bench -- memory`).
 */
export const { Agent, createServer, request, ServerResponse } = process.getBuiltinModule('node:http');
