import { expect } from 'chai';

import { EXECUTION_COLUMNS } from '../../src/cli/execution-table.ts';
import { renderTable } from '../../src/terminal/table.ts';

describe('the list of detached executions', () => {
  it('shows a command as it can be typed again', () => {
    const execution = {
      id: '3f2a9c1e-0000-4000-8000-000000000001',
      container: 'web',
      command: ['sh', '-c', 'echo "a  b"; exit', '', "it's"],
      startedAt: '2026-01-01T00:00:00.000Z',
      status: 'running',
      result: undefined,
    } as const;
    const drawn = renderTable(EXECUTION_COLUMNS, [execution], { width: undefined, color: false, truncate: false });
    expect(drawn.split('\n')[1]).to.equal(
      `3f2a9c1e-0000   web         sh -c 'echo "a  b"; exit' '' 'it'\\''s'   running   2026-01-01T00:00:00Z           -`,
    );
  });
});
