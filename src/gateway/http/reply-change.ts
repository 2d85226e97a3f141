import type { RequestHead } from './request-head.ts';

/** Changes the header lines of a reply in place. `lines`: name, value, name, value. `head`: of the request. */
export type ReplyChange = (lines: string[], head: RequestHead) => void;
