import { expect, test } from 'vitest';
import { bucketFor, filterOf } from './filter';

const NOW = Date.parse('2026-05-02T12:34:56Z');
const filter = (search: string) => filterOf(new URLSearchParams(search), NOW);

test('without parameters it is the last 30 days, by whole minutes', () => {
  expect(filter('')).toEqual({ createdAt: { gte: '2026-04-02T12:34:00.000Z' } });
});

test.each([
  ['status=FAILED,RUNNING', { status: ['FAILED', 'RUNNING'] }],
  ['workflow=nightly', { workflowName: { eq: 'nightly' } }],
  ['workflow=night*', { workflowName: { startsWith: 'night' } }],
  ['workflowId=wf_1', { workflowId: 'wf_1' }],
  ['trigger=API', { triggerType: ['API'] }],
  ['tags=a, b&anyTag=c', { tags: { all: ['a', 'b'], any: ['c'] } }],
  ['correlation=order 7', { correlationId: 'order 7' }],
  ['parent=exec_1', { parentId: 'exec_1' }],
  ['error=yes', { hasError: true }],
  ['error=no', { hasError: false }],
  ['attributes=region=eu,shard=3,x', { attributes: { region: 'eu', shard: 3, x: '' } }],
  ['from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z', { createdAt: { gte: '2026-05-01T00:00:00Z', lt: '2026-05-02T00:00:00Z' } }],
  ['startedFrom=2026-05-01T00:00:00Z', { startedAt: { gte: '2026-05-01T00:00:00Z' } }],
  ['endedTo=2026-05-01T00:00:00Z', { completedAt: { lt: '2026-05-01T00:00:00Z' } }],
  ['forkedFrom=exec_1', { forkedFromId: 'exec_1' }],
  ['environment=STAGING', { environment: ['STAGING'] }],
  ['by=bob,eve', { triggeredBy: ['bob', 'eve'] }],
  ['longer=5m&shorter=1.5h', { duration: { gte: 'PT300S', lte: 'PT5400S' } }],
  ['longer=soon', {}],
  ['stepStatus=FAILED&stepKey=load&stepError=E1,E2', { step: { status: ['FAILED'], key: ['load'], errorCode: ['E1', 'E2'] } }],
  ['variable=region=eu', { variable: { key: 'region', equals: 'eu' } }],
  ['input=n=1', { input: { key: 'n', equals: 1 } }],
  ['errorKind=abc', { errorFingerprint: 'abc' }],
  ['status=&workflow=', {}],
])('%s is that condition', (search, expected) => {
  expect(filter(`window=all&${search}`)).toEqual(expected);
});

test.each([
  [3_600, 60],
  [86_400, 900],
  [30 * 86_400, 21_600],
  [8 * 365 * 86_400, 2_592_000],
  [40 * 365 * 86_400, 122 * 86_400],
])('%d seconds are shown in buckets of %d', (span, bucket) => {
  expect(bucketFor(span)).toBe(bucket);
});
