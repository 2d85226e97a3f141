/** The traffic of an endpoint for some minutes, each minute alike. */
export interface Stretch {
  readonly minutes: number;
  readonly perMinute: number;
  readonly badShare: number;
}

/** A made-up history of an objective, and the minutes after which its alerts are looked at. */
export interface BurnScenario {
  readonly name: string;
  readonly stretches: readonly Stretch[];
  readonly checks: readonly number[];
  /** After this minute all counters begin again at 0. */
  readonly resetAfter?: number;
}

interface Terms {
  /** The share of bad events that the objective allows. */
  readonly budget: number;
  /** Below this many requests a minute an endpoint is a trickle. */
  readonly leastPerMinute: number;
}

/** By the minute: an outage as it goes on, a restart, a night. */
export function scenariosOfMinutes({ budget, leastPerMinute }: Terms): BurnScenario[] {
  const busy = Math.max(600, 4 * leastPerMinute);
  const sound = (minutes: number): Stretch => ({ minutes, perMinute: busy, badShare: 0 });
  const failing = (minutes: number): Stretch => ({ minutes, perMinute: busy, badShare: 1 });
  // After an hour in which all was well, an hour is above 14.4 times the budget after this many minutes of an outage.
  const paged = Math.ceil(864 * budget) + 1;
  const end = 60 + paged + 3;
  return [
    {
      name: 'an outage pages, and the page ends half an hour after it',
      stretches: [sound(60), failing(paged + 3), sound(40)],
      checks: [60, 60 + paged, end, end + 35],
    },
    {
      name: 'counters that begin again in an outage do not end it, and are no outage',
      stretches: [sound(20), failing(10), sound(1)],
      checks: [10, 30],
      resetAfter: 25,
    },
    { name: 'counters that begin again while all is well', stretches: [sound(20)], checks: [8, 20], resetAfter: 9 },
    { name: 'no traffic', stretches: [{ minutes: 20, perMinute: 0, badShare: 0 }], checks: [20] },
    {
      name: 'one bad request in a quiet hour pages nobody',
      stretches: [
        { minutes: 30, perMinute: 1, badShare: 0 },
        { minutes: 1, perMinute: 1, badShare: 1 },
        { minutes: 5, perMinute: 1, badShare: 0 },
      ],
      checks: [32, 36],
    },
  ];
}

/**
 * By the hour: each pair of windows alone above its factor, then with its short window below it, then with that clean; and its
 * long window below it. Much sound traffic at the beginning keeps the longer windows out of it. Few bad events; a trickle.
 */
export function scenariosOfDays({ budget, leastPerMinute }: Terms): BurnScenario[] {
  const light = Math.max(3 * leastPerMinute, 0.01 / budget);
  const heavy: Stretch = { minutes: 10, perMinute: 2000 * light, badShare: 0 };
  const at = (factor: number, minutes: number): Stretch => stretchAt(light, factor * budget, minutes);
  return [
    { name: '5m and 1h', stretches: [heavy, at(20, 70), at(10, 10), at(0, 10)], checks: [80, 90, 100] },
    { name: '5m without 1h', stretches: [heavy, at(8, 70), at(20, 10)], checks: [80, 90] },
    { name: '30m and 6h', stretches: [heavy, at(10, 370), at(4, 30), at(0, 40)], checks: [380, 410, 450] },
    { name: '30m without 6h', stretches: [heavy, at(4, 340), at(8, 40)], checks: [350, 390] },
    { name: '2h and 1d', stretches: [heavy, at(4, 1450), at(2, 130), at(0, 140)], checks: [1460, 1590, 1730] },
    { name: '2h without 1d', stretches: [heavy, at(2, 1330), at(4, 130)], checks: [1470] },
    { name: '6h and 3d', stretches: [at(1.8, 60)], checks: [60] },
    { name: '6h without 3d', stretches: [at(0, 400), at(1.6, 370)], checks: [770] },
    { name: '3d without 6h', stretches: [at(10, 60), at(0.7, 370), at(0, 380)], checks: [430, 810] },
    ...fewEvents(budget, heavy),
    ...trickles(budget, leastPerMinute),
  ];
}

const stretchAt = (perMinute: number, badShare: number, minutes: number): Stretch => ({
  minutes,
  perMinute,
  badShare: Math.min(1, badShare),
});

/** Histories with six bad events, which are enough for a page, and with four, which are not. */
function fewEvents(budget: number, heavy: Stretch): BurnScenario[] {
  return [6, 4].flatMap((bad) => {
    const within = Math.max(bad, 0.2 / budget);
    const each = Math.max(bad, (bad * 0.1) / budget) / 360;
    const hourly: Stretch[] = Array.from({ length: bad }, () => [
      { minutes: 360 / bad - 10, perMinute: each, badShare: 0 },
      { minutes: 10, perMinute: Math.max(each, 0.1), badShare: Math.min(1, 0.1 / each) },
    ]).flat();
    return [
      {
        name: `${bad} bad events in an hour`,
        stretches: [
          heavy,
          { minutes: 66, perMinute: Math.max(0, within - bad) / 60, badShare: 0 },
          { minutes: 4, perMinute: bad / 4, badShare: 1 },
        ],
        checks: [80],
      },
      { name: `${bad} bad events in six hours`, stretches: hourly, checks: [360] },
    ];
  });
}

/** Less than the minimum of requests: the page holds for two hours after the last failure. */
function trickles(budget: number, leastPerMinute: number): BurnScenario[] {
  if (leastPerMinute === 0) return [];
  const hours = (perMinute: number): Stretch[] => [
    { minutes: 160, perMinute, badShare: 0 },
    { minutes: 150, perMinute, badShare: 1 },
    { minutes: 50, perMinute, badShare: 0 },
  ];
  const few = 0.8 * leastPerMinute;
  const at = (factor: number, minutes: number): Stretch => stretchAt(few, factor * budget, minutes);
  return [
    { name: 'a trickle that fails', stretches: [...hours(few), at(0, 90)], checks: [360, 450] },
    { name: 'the same with more traffic', stretches: hours(1.6 * leastPerMinute), checks: [360] },
    { name: 'a trickle, 2h and 6h', stretches: [at(10, 240), at(4, 120)], checks: [240, 360] },
    { name: 'a trickle, 2h without 6h', stretches: [at(4, 240), at(8, 120)], checks: [360] },
  ];
}
