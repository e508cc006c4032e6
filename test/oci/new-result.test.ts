import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import { failedResult, newExecutionId, newResult } from '../../src/oci/new-result.ts';
import { schemaErrors } from '../model/schema.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('a new result', () => {
  it('fits the JSON Schema, also that of a call that failed', () => {
    expect(schemaErrors(newResult(newExecutionId(), ['ls'], new Date(0)))).to.deep.equal([]);
    expect(schemaErrors(failedResult(new LxcriError('UsageError', 'no'), []))).to.deep.equal([]);
  });

  it('is checked by a schema that misses and refuses', () => {
    const { id: _id, ...without } = newResult(newExecutionId(), [], new Date(0));
    expect(schemaErrors(without)).to.deep.equal([" must have required property 'id'"]);
    expect(schemaErrors({ ...newResult('not-a-uuid', [], new Date(0)), exitCode: 256 })).to.have.length(2);
  });

  it('shows bytes that are not UTF-8 as U+FFFD, and the time in UTC with milliseconds', () => {
    const { command, startedAt } = newResult('', ['é', Buffer.from([0x61, 0xff])], new Date(1_763_700_000_005));
    expect(command).to.deep.equal(['é', 'a\uFFFD']);
    expect(startedAt).to.equal('2025-11-21T04:40:00.005Z');
  });

  it('of a failed call has the exit code of its error, and nothing started', () => {
    const result = failedResult(new LxcriError('CommandNotAllowed', 'denied', 'ask'), ['rm']);
    expect(result).to.deep.include({ exitCode: 126, started: false, command: ['rm'] });
    expect(result.error).to.deep.equal({ code: 'CommandNotAllowed', message: 'denied', hint: 'ask' });
  });

  it('has an id of its own, a random UUID', () => {
    const ids = Array.from({ length: 50 }, newExecutionId);
    expect(ids.filter((id) => UUID.test(id))).to.have.length(50);
    expect(new Set(ids).size).to.equal(50);
  });
});
