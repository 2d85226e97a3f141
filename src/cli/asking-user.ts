import { userInfo } from 'node:os';

/** The user of a command, for the log of changes. In a container, a numeric user need not have a name. */
export function askingUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.()}`;
  }
}
