import { expect } from 'chai';

import { askSecondFactor } from '../../src/contexts/second-factor.ts';
import type { Asker } from '../../src/terminal/prompt.ts';
import { failureOf } from '../proxmox/api/clients.ts';

function answering(answer: string): { ask: Asker; questions: string[] } {
  const questions: string[] = [];
  const refuse = (): never => expect.fail('asked in the open');
  const secret = (question: string): Promise<string> => {
    questions.push(question);
    return Promise.resolve(answer);
  };
  return { ask: { tell: refuse, line: refuse, confirm: refuse, secret }, questions };
}

describe('askSecondFactor', () => {
  it('tells the kinds apart by their form', async () => {
    const cases: [string[], string, string][] = [
      [['totp'], ' 123456 ', 'totp:123456'],
      [['totp', 'recovery'], '123456', 'totp:123456'],
      [['totp', 'recovery'], '1234-5678-9abc-def0', 'recovery:1234-5678-9abc-def0'],
      [['recovery'], '12345678', 'recovery:12345678'],
      [['recovery', 'yubico'], 'c'.repeat(44), `yubico:${'c'.repeat(44)}`],
      [['webauthn', 'totp'], 'abc', 'totp:abc'],
    ];
    for (const [kinds, typed, wanted] of cases)
      expect(await askSecondFactor(answering(typed).ask, 'root@pam', kinds)).to.equal(wanted);
  });

  it('asks for what can be typed', async () => {
    const { ask, questions } = answering('1');
    await askSecondFactor(ask, 'root@pam', ['totp', 'webauthn', 'recovery']);
    expect(questions).to.deep.equal(['Code of the authenticator app or recovery key for root@pam: ']);
  });

  it('says that none of them can', async () => {
    const error = await failureOf(askSecondFactor(answering('').ask, 'root@pam', ['webauthn']));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.hint).to.include('--token');
  });
});
