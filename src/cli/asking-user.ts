import { userInfo } from 'node:os';

/** Who runs a command. In a container, a numeric user need not have a name. */
export function askingUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.()}`;
  }
}
