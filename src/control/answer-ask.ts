import type { ControlAsk } from '../protocol/config-wire.ts';
import type { ConfigKeeper } from './config/config-keeper.ts';
import type { Config } from '../config/model.ts';
import { type FleetConfigDesk, noFleet } from './fleet/config-desk.ts';
import type { Observer } from './see/observer.ts';

interface Answering {
  readonly observer: Observer;
  readonly keeper: ConfigKeeper;
  readonly config: Config;
  readonly fleetConfig: FleetConfigDesk | undefined;
  status(): Record<string, unknown>;
}

/** Answers a command of the same user. */
export async function answerAsk(control: Answering, ask: ControlAsk): Promise<unknown> {
  const { what, dryRun, force, atRestart, who = 'a command' } = ask;
  if (what === 'status') return control.status();
  if (what === 'view') return control.observer.view;
  if (what === 'slo') return control.observer.slo() ?? null;
  if (what === 'fleet-config') return (await control.fleetConfig?.hosts()) ?? null;
  if (what === 'reload-fleet')
    return control.fleetConfig?.reload({ who, dryRun, force, atRestart }) ?? noFleet(control.config.env);
  return control.keeper.reload({ who, dryRun, force });
}
