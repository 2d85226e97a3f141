import type { Logger } from 'pino';
import { stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { CertificateFiles } from '../../config/model.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import type { Counter, Family, Gauge, Registry } from '../../metrics/instruments.ts';
import { expiryThreshold } from '../../policy/tls/expiry.ts';
import { ServerNames } from '../../policy/tls/server-names.ts';
import { type Certificate, CertificateProblem, dateProblem, readCertificate } from './certificate.ts';

/** How often the files are looked at, so that a new certificate is in force within a second. */
const WATCH_MS = 1000;

export interface CertificatesOptions {
  readonly files: readonly CertificateFiles[];
  /** Settings of every secure context, such as the lowest version. */
  readonly settings: SecureContextOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
}

/** A certificate in use, with the state of its files when they were last looked at. */
interface Entry {
  current: Certificate;
  context: SecureContext;
  seen: string;
  /** A change that could not be used, and was not reported yet: the second file may follow in a moment. */
  isUnreported: boolean;
  /** The threshold of expiry of which people were told. */
  told: number | undefined;
}

/**
 * The certificates of a worker by server name. Files that change are read again and checked; a pair that cannot be used
 * leaves the present one in force.
 */
export class Certificates {
  readonly #options: CertificatesOptions;
  #entries: Entry[];
  readonly #reloads: { readonly ok: Counter; readonly failed: Counter };
  readonly #expiry: Family<Gauge>;
  #names: ServerNames<Entry>;
  #ticketKeys: Buffer;
  #timer: Timer | undefined;
  #isClosed = false;
  /** Called when the default certificate or the ticket keys have changed. */
  onChange: (() => void) | undefined;

  private constructor(options: CertificatesOptions, certificates: readonly Certificate[], ticketKeys: Buffer) {
    this.#options = options;
    this.#ticketKeys = ticketKeys;
    this.#entries = certificates.map((current) => this.#entryOf(current));
    this.#names = indexOf(this.#entries);
    const reloads = options.registry.counter(
      'rampart_tls_reloads_total',
      'Certificates that were read again',
      'result',
    );
    this.#reloads = { ok: reloads.of('ok'), failed: reloads.of('failed') };
    const expiry = options.registry.gauge(
      'rampart_tls_certificate_not_after_seconds',
      'When a certificate expires, in seconds since 1970',
      'max',
      'certificate',
    );
    this.#expiry = expiry;
    options.registry.onSnapshot(() => {
      for (const { current } of this.#entries) expiry.of(current.files.certFile).set(current.expiresAtMs / 1000);
    });
  }

  /** Throws a UsageError that lists every problem. `ticketKeys`: 48 bytes. */
  static open(options: CertificatesOptions, ticketKeys: Buffer): Certificates {
    const certificates = new Certificates(options, readAll(options.files), ticketKeys);
    for (const entry of certificates.#entries) certificates.#tellExpiry(entry);
    certificates.#watch();
    return certificates;
  }

  /** What the server presents to a client that asks for no name, or for one that no certificate has. */
  get defaults(): SecureContextOptions {
    const { cert, key } = (this.#entries[0] as Entry).current;
    return { ...this.#options.settings, cert, key, ticketKeys: this.#ticketKeys };
  }

  /** The context for a server name. */
  find(name: string): SecureContext {
    return (this.#names.find(name) ?? (this.#entries[0] as Entry)).context;
  }

  /** Takes the keys that all workers of the host have, so that each resumes the sessions of the others. */
  useTicketKeys(ticketKeys: Buffer): void {
    if (ticketKeys.equals(this.#ticketKeys)) return;
    this.#ticketKeys = ticketKeys;
    for (const entry of this.#entries) entry.context = this.#contextOf(entry.current);
    this.onChange?.();
  }

  /**
   * Reads the certificates of another configuration; throws a UsageError that lists every problem. They are in force when
   * the returned function is called, which cannot fail. Files that are in use already keep their state.
   */
  prepare(files: readonly CertificateFiles[]): () => void {
    const known = new Map(this.#entries.map((entry) => [textOf(entry.current.files), entry]));
    const added = readAll(files.filter((one) => !known.has(textOf(one)))).map((current) => this.#entryOf(current));
    const entries = files.map((one) => known.get(textOf(one)) ?? (added.shift() as Entry));
    const names = indexOf(entries);
    return () => {
      for (const { current } of this.#entries) this.#expiry.remove(current.files.certFile);
      this.#entries = entries;
      this.#names = names;
      // The keys of session tickets may have changed since these were prepared.
      for (const entry of entries) entry.context = this.#contextOf(entry.current);
      this.onChange?.();
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #contextOf({ cert, key }: Certificate): SecureContext {
    return createSecureContext({ ...this.#options.settings, cert, key, ticketKeys: this.#ticketKeys });
  }

  #entryOf(current: Certificate): Entry {
    return { current, context: this.#contextOf(current), seen: '', isUnreported: false, told: undefined };
  }

  #watch(): void {
    const look = async (): Promise<void> => {
      for (const entry of this.#entries) await this.#look(entry);
      if (!this.#isClosed) this.#watch();
    };
    this.#timer = this.#options.clock.setTimeout(() => void look(), WATCH_MS);
  }

  async #look(entry: Entry): Promise<void> {
    try {
      const { certFile, keyFile } = entry.current.files;
      const seen = `${await stateOf(certFile)} ${await stateOf(keyFile)}`;
      // At the first look they may have changed since they were read.
      const isNews = entry.seen !== seen;
      entry.seen = seen;
      if (isNews || entry.isUnreported) this.#reload(entry, isNews);
      this.#tellExpiry(entry);
    } catch (error) {
      this.#options.log.error(
        { err: error, certificate: entry.current.files.certFile },
        'a certificate cannot be watched',
      );
    }
  }

  /** `isNews`: the files have just changed, so the other one of the pair may follow within a second. */
  #reload(entry: Entry, isNews: boolean): void {
    const { clock, log } = this.#options;
    const read = readCertificate(entry.current.files);
    const problem =
      read instanceof CertificateProblem ? read.problem : this.#problemOf(read, entry.current, clock.wallNow());
    if (problem !== undefined || read instanceof CertificateProblem) {
      if (!isNews && entry.isUnreported) {
        this.#reloads.failed.value++;
        log.error({ problem }, 'A NEW CERTIFICATE CANNOT BE USED: the present one stays in force');
      }
      entry.isUnreported = isNews;
      return;
    }
    entry.isUnreported = false;
    if (read.cert === entry.current.cert && read.key === entry.current.key) return;
    entry.context = this.#contextOf(read);
    entry.current = read;
    entry.told = undefined;
    this.#names = indexOf(this.#entries);
    this.#reloads.ok.value++;
    const expires = new Date(read.expiresAtMs).toISOString();
    log.info({ certificate: read.files.certFile, names: read.names, expires }, 'a new certificate is in force');
    this.onChange?.();
  }

  /** A certificate that is not valid replaces only one that is not valid either. */
  #problemOf(next: Certificate, present: Certificate, nowMs: number): string | undefined {
    try {
      this.#contextOf(next);
    } catch (error) {
      return `${next.files.certFile} cannot be used: ${messageOf(error)}`;
    }
    return dateProblem(present, nowMs) === undefined ? dateProblem(next, nowMs) : undefined;
  }

  #tellExpiry(entry: Entry): void {
    const { clock, log } = this.#options;
    const { files, expiresAtMs, names } = entry.current;
    const days = expiryThreshold(expiresAtMs, clock.wallNow());
    if (days === undefined || days === entry.told) return;
    entry.told = days;
    const details = { certificate: files.certFile, names, expires: new Date(expiresAtMs).toISOString() };
    if (days === 0) log.error(details, 'A CERTIFICATE HAS EXPIRED');
    else log.warn(details, `a certificate expires within ${days === 1 ? 'a day' : `${days} days`}`);
  }
}

const indexOf = (entries: readonly Entry[]): ServerNames<Entry> =>
  new ServerNames(entries.map((entry) => [entry.current.names, entry] as const));

/** Two settings with the same text are one certificate. */
const textOf = ({ certFile, keyFile, names }: CertificateFiles): string => JSON.stringify([certFile, keyFile, names]);

/** Reads every certificate; throws a UsageError that lists all problems. */
export function readAll(files: readonly CertificateFiles[]): Certificate[] {
  const read = files.map((one) => readCertificate(one));
  const problems = read.flatMap((one) => (one instanceof CertificateProblem ? [one.problem] : []));
  if (problems.length > 0) throw new UsageError('Cannot serve TLS, as a certificate cannot be used', problems);
  return read as Certificate[];
}

/** What changes when a file is replaced or written; links are followed. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch {
    return 'absent';
  }
}
