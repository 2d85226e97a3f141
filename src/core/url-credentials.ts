/** A URL as fetch takes it, and the header that its user and password become. */
export interface OpenUrl {
  readonly url: string;
  /** Undefined without a user and a password. */
  readonly authorization: string | undefined;
}

/** Takes user and password out of a URL: fetch refuses a URL that has them, with an error that shows them. */
export function withoutCredentials(text: string): OpenUrl {
  const url = new URL(text);
  const { username, password } = url;
  if (username === '' && password === '') return { url: text, authorization: undefined };
  url.username = '';
  url.password = '';
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { url: url.href, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** As it stands if it is no percent-encoding. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
