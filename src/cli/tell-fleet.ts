import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { uuidv7 } from '../core/ids.ts';
import { connectValkey } from './valkey.ts';

/** Tells the hosts of VALKEY_URL that keys have changed, if no control can. Returns the problem, or undefined. */
export async function tellFleetOfKeys(url: string): Promise<string | undefined> {
  // Loaded only here, because most commands need none of it.
  const { newsFunctions } = await import('../store/valkey/news-functions.ts');
  const { ValkeyNews } = await import('../store/valkey/valkey-news.ts');
  const { client, problem } = await connectValkey(url, 'rampart-keys', [newsFunctions]);
  try {
    if (problem !== undefined) return problem;
    const news = { id: uuidv7(systemClock.wallNow()), kind: 'keys', host: 'rampart keys', body: {} };
    await new ValkeyNews(client).issue(news);
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    client.close();
  }
}
