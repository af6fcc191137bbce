// What crossing between JavaScript and the core costs, without a network: `node bench/experiments/boundary.mjs`.
//
// Only calls that never leave the process. Each row is one operation on the main thread.

import { createRequire } from 'node:module';
import { Bench } from 'tinybench';
import { GuestRequestSchema as zodSchema } from '../../__test__/fixtures/tutorial/dist/validation.js';
import { nextGuest } from '../lib/load.mjs';

const { DuplicateSessionGuard, GuestAuthenticator, GuestRequestSchema } = createRequire(import.meta.url)(
  '../../index.js',
);

const swallow = () => {};
const authenticator = new GuestAuthenticator({
  environment: 'http://127.0.0.1:9',
  clientId: 'bench-client',
  clientSecret: 'bench-secret',
  auditLogCallback: swallow,
});
const guard = new DuplicateSessionGuard();
const map = new Map();

const good = nextGuest();
const bad = { ...nextGuest(), consent: false, email: 'not an address' };
const small = { email: 'jane@example.com', consent: true, channelId: 'web' };
const key = guard.getSessionKey(good.email, good.channelId);
const ownKey = (email, channelId) => `${email.toLowerCase()}::${channelId}`;

const bench = new Bench({ time: Number(process.env.BENCH_MS ?? 500) });

bench
  .add('validate, small: package', () => GuestRequestSchema.safeParse(small))
  .add('validate, small: zod', () => zodSchema.safeParse(small))
  .add('validate, with attributes: package', () => GuestRequestSchema.safeParse(good))
  .add('validate, with attributes: zod', () => zodSchema.safeParse(good))
  .add('validate, refused: package', () => GuestRequestSchema.safeParse(bad))
  .add('validate, refused: zod', () => zodSchema.safeParse(bad))
  .add('session key: package', () => guard.getSessionKey(good.email, good.channelId))
  .add('session key: JavaScript', () => ownKey(good.email, good.channelId))
  .add('session begins and ends: package', () => {
    guard.checkDuplicate(key, 'guest');
    guard.invalidate(key);
  })
  .add('session begins and ends: JavaScript Map', () => {
    if (!map.has(key)) map.set(key, 'guest');
    map.delete(key);
  })
  .add('a call that is refused before it is sent', () => authenticator.authenticateGuest(bad).catch(swallow))
  .add('metrics()', () => authenticator.metrics());

await bench.run();
const rows = bench.tasks.map(({ name, result }) => {
  const { latency } = result;
  return `| ${name} | ${(latency.p50 * 1000).toFixed(2)} | ${(latency.p99 * 1000).toFixed(2)} |`;
});
console.log(['| operation | p50, µs | p99, µs |', '| --- | ---: | ---: |', ...rows].join('\n'));
await authenticator.close();
