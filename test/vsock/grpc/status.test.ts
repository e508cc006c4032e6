import { expect } from 'chai';

import { statusIn } from '../../../src/vsock/grpc/status.ts';

describe('the status of a call', () => {
  it('is read from trailers, with its message as the server wrote it', () => {
    expect(statusIn({ 'grpc-status': '0' })).to.deep.equal({ code: 0, message: '' });
    const message = 'no %22gr%C3%BC%C3%9Fe%22, 100%';
    expect(statusIn({ 'grpc-status': '12', 'grpc-message': message })).to.deep.equal({
      code: 12,
      message: 'no "grüße", 100%',
    });
  });

  it('is none where there is none', () => {
    for (const headers of [{}, { 'grpc-status': '' }, { 'grpc-status': 'ok' }, { 'grpc-message': 'x' }])
      expect(statusIn(headers)).to.equal(undefined);
  });
});
