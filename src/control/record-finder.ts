import { makerOf } from '../core/ids.ts';
import type { ControlMessage, MemberMessage } from '../protocol/messages.ts';
import type { Member } from './members.ts';

type RecordMessage = Extract<MemberMessage, { readonly type: 'find-record' | 'record' }>;

/** Passes on what workers ask each other about records: the id of a record says which worker has made it. */
export function passRecordMessage(
  message: RecordMessage,
  member: Member,
  gateways: readonly Member[],
  tell: (member: Member, message: ControlMessage) => void,
): void {
  if (message.type === 'record') {
    const { asker, number, answer } = message;
    const waiting = gateways.find(({ id }) => id === asker);
    if (waiting !== undefined) tell(waiting, { type: 'record', number, answer });
    return;
  }
  const { ask } = message;
  const maker = gateways.find((one) => one.maker === makerOf(ask.id));
  if (maker === undefined) tell(member, { type: 'record', number: ask.number, answer: { kind: 'unknown' } });
  else tell(maker, { type: 'find-record', asker: member.id, ask });
}
