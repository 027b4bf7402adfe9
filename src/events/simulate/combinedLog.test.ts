import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '../../addresses/address.ts';
import { CombinedLogWriter } from './combinedLog.ts';
import { AGENT_COUNT, userAgent } from './userAgents.ts';

const lineOf = (user: number, address: string, second: number, agent: number) => {
  const writer = new CombinedLogWriter();
  writer.add(user, parseAddress(address)!, 0, second, agent);
  return new TextDecoder().decode(writer.take());
};

test("a login is a line of Apache's combined format", () => {
  assert.equal(
    lineOf(6, '198.51.100.7', Date.UTC(2018, 10, 4, 0, 1, 2) / 1000, 8),
    '198.51.100.7 - user_7 [04/Nov/2018:00:01:02 +0000] "GET /login_success HTTP/1.1" 200 476 "-" "Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:63.0) Gecko/20100101 Firefox/63.0"\n',
  );
  assert.match(
    lineOf(999_999, '2001:db8::1', 0, 0),
    /^2001:db8::1 - user_1000000 \[01\/Jan\/1970:00:00:00 \+0000\] /,
  );
});

test('what is written can be read back, whatever the address, the account, the time and the agent', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  const address = fc.oneof(
    word.map((value) => Uint32Array.of(0, 0, 0xffff, value)),
    fc.array(word, { minLength: 4, maxLength: 4 }).map((words) => Uint32Array.from(words)),
  );
  const user = fc.oneof(fc.integer({ min: 0, max: 999_999 }), fc.constantFrom(8, 9, 98, 99, 99_998, 99_999));
  const login = fc.record({
    user,
    address,
    second: fc.integer({ min: 0, max: 4e9 }),
    agent: fc.integer({ min: 0, max: AGENT_COUNT - 1 }),
  });
  fc.assert(
    fc.property(fc.array(login, { minLength: 1, maxLength: 20 }), (logins) => {
      const writer = new CombinedLogWriter();
      for (const { user, address, second, agent } of logins) writer.add(user, address, 0, second, agent);
      const lines = new TextDecoder().decode(writer.take()).split('\n');
      assert.equal(lines.pop(), '');
      assert.equal(lines.length, logins.length);
      for (const [i, line] of lines.entries()) {
        const found = /^(\S+) - user_(\d+) \[(\d\d)\/(\w+)\/(\d{4}):([\d:]+) \+0000\] .* "([^"]*)"$/.exec(
          line,
        )!;
        const [, text, number, day, month, year, clock, agent] = found;
        assert.equal(text, formatAddress(logins[i].address));
        assert.equal(Number(number), logins[i].user + 1);
        assert.equal(Date.parse(`${day} ${month} ${year} ${clock} GMT`) / 1000, logins[i].second);
        assert.equal(agent, userAgent(logins[i].agent));
      }
    }),
  );
});

test('the buffer says when it is full, and taking the lines empties it', () => {
  const writer = new CombinedLogWriter();
  const address = parseAddress('198.51.100.7')!;
  let lines = 0;
  for (; !writer.isFull; lines++) writer.add(lines, address, 0, lines, 0);
  const text = new TextDecoder().decode(writer.take());
  assert.equal(text.split('\n').length - 1, lines);
  assert.equal(writer.take().length, 0);
});
