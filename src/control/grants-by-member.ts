import type { TokenGrant } from '../protocol/tokens.ts';
import type { TellGrants } from './rate-tokens.ts';

/** What each worker is told, in one message. */
export class GrantsByMember<Member> {
  readonly #grants = new Map<Member, TokenGrant[]>();

  add(member: Member, grant: TokenGrant): void {
    const known = this.#grants.get(member);
    if (known === undefined) this.#grants.set(member, [grant]);
    else known.push(grant);
  }

  tell(tell: TellGrants<Member>, hosts: number): void {
    for (const [member, grants] of this.#grants) tell(member, grants, hosts);
  }
}
