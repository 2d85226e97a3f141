/** How a level of pino is shown, and in which colour (ANSI). */
const levels: Readonly<Record<number, readonly [string, number]>> = {
  10: ['TRACE', 90],
  20: ['DEBUG', 90],
  30: ['INFO', 32],
  40: ['WARN', 33],
  50: ['ERROR', 31],
  60: ['FATAL', 31],
};

type Fields = Readonly<Record<string, unknown>>;

/** Turns a JSON line of the log, or of the access log, into one that a person reads on a terminal. */
export function readableLine(line: string, hasColour: boolean): string {
  let fields: Fields;
  try {
    fields = JSON.parse(line) as Fields;
  } catch {
    return line;
  }
  const paint = (text: string, code: number): string =>
    hasColour && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  return 'timestamp' in fields ? accessLine(fields, paint) : logLine(fields, paint);
}

type Paint = (text: string, code: number) => string;

function accessLine(fields: Fields, paint: Paint): string {
  const status = Number(fields['http.response.status_code']);
  const colour = status >= 500 ? 31 : status >= 400 ? 33 : 32;
  const told = [
    timeOf(new Date(String(fields['timestamp']))),
    paint(String(status), colour),
    `${shown(fields['http.request.method'])} ${shown(fields['url.path'])}`,
    paint(shown(fields['rampart.endpoint']), 36),
    `${shown(fields['rampart.duration_ms'])} ms`,
    shown(fields['rampart.backend']),
    paint(shown(fields['error.type']), 31),
    paint(shown(fields['rampart.request_id']), 90),
  ];
  return `${told.filter((part) => part !== '').join(' ')}\n`;
}

function logLine(fields: Fields, paint: Paint): string {
  const { level, time, role, instance, msg, err, pid: _pid, ...more } = fields;
  const [name, colour] = levels[Number(level)] ?? ['', 0];
  const who = paint(`${shown(role)} ${shown(instance)}`, 90);
  const rest = Object.entries(more).map(([key, value]) => `${paint(`${key}=`, 90)}${shown(value)}`);
  const head = [timeOf(new Date(Number(time))), paint(name.padEnd(5), colour), who, shown(msg), ...rest].join(' ');
  return `${head}\n${stackOf(err)}`;
}

function stackOf(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const { stack, message } = err as { readonly stack?: unknown; readonly message?: unknown };
  return `${String(stack ?? message).replaceAll(controls, escapedControl)}\n`;
}

/** Characters that could move the cursor or change the terminal. */
const controls = /(?!\n)\p{Cc}/gu;
const escapedControl = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;

function shown(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replaceAll('\n', ' ').replaceAll(controls, escapedControl);
}

/** Local time of day, with milliseconds. */
function timeOf(date: Date): string {
  const two = (count: number): string => String(count).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}
