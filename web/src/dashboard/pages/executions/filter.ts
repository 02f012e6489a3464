/** The address's parameters as an `ExecutionFilter`: every view can be kept and shared. */
import type { Environment, ExecutionFilter, ExecutionStatus, StepStatus, TriggerType } from '../../generated/graphql';
import { iso, seconds } from '../../lib/duration';

/** Names of the parameters, as the form and the address have them. */
export const FIELDS = [
  'status',
  'workflow',
  'workflowId',
  'trigger',
  'tags',
  'anyTag',
  'correlation',
  'parent',
  'error',
  'attributes',
  'from',
  'to',
  'startedFrom',
  'startedTo',
  'endedFrom',
  'endedTo',
  'forkedFrom',
  'environment',
  'by',
  'longer',
  'shorter',
  'stepStatus',
  'stepKey',
  'stepError',
  'variable',
  'input',
  'errorKind',
] as const;

/** Windows of time that move along: the name in the address, and what it is called. */
export const WINDOWS = [
  ['PT1H', 'Last hour'],
  ['P1D', 'Last day'],
  ['P7D', 'Last 7 days'],
  ['P30D', 'Last 30 days'],
  ['all', 'All time'],
] as const;

export const DEFAULT_WINDOW = 'P30D';
const MINUTE = 60_000;

/** Words between commas. */
export function words(text: string | null): string[] {
  return (text ?? '').split(',').map((word) => word.trim()).filter(Boolean);
}

function range(from: string | null, to: string | null) {
  if (!from && !to) return undefined;
  return { ...(from && { gte: from }), ...(to && { lt: to }) };
}

/** When executions were created: between two moments, or in a window up to now. */
export function created(parameters: URLSearchParams, now: number) {
  const fixed = range(parameters.get('from'), parameters.get('to'));
  if (fixed) return fixed;
  const window = parameters.get('window') ?? DEFAULT_WINDOW;
  const size = seconds(window);
  if (Number.isNaN(size)) return undefined;
  // Whole minutes: the same question is asked again, not a new one every time.
  return { gte: new Date(Math.floor(now / MINUTE) * MINUTE - size * 1000).toISOString() };
}

/** Attributes as `key=value` words; values that are JSON are that, others text. */
export function attributes(text: string | null): Record<string, unknown> | undefined {
  const found = words(text).map((word): [string, unknown] => {
    const at = word.indexOf('=');
    const [key, value] = at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    try {
      return [key, JSON.parse(value)];
    } catch {
      return [key, value];
    }
  });
  return found.length ? Object.fromEntries(found) : undefined;
}

/** `key=value` as the key and the value that is looked for. */
function valueOf(text: string | null) {
  const [[key, equals] = []] = Object.entries(attributes(text) ?? {});
  return key === undefined ? undefined : { key, equals };
}

/** What an attempt at a step must be like. */
function stepOf(parameters: URLSearchParams) {
  const [status, key, errorCode] = ['stepStatus', 'stepKey', 'stepError'].map((name) => words(parameters.get(name)));
  const match = { ...(status?.length && { status: status as StepStatus[] }), ...(key?.length && { key }), ...(errorCode?.length && { errorCode }) };
  return Object.keys(match).length ? match : undefined;
}

/** Lengths of time as people write them: `90`, `90s`, `5m`, `2h`, `1d`. */
export function lengthOf(text: string | null): string | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?\s*$/.exec(text ?? '');
  if (!match) return undefined;
  return iso(Number(match[1]) * ({ m: 60, min: 60, h: 3_600, d: 86_400 }[match[2] ?? ''] ?? 1));
}

function durations(parameters: URLSearchParams) {
  const [gte, lte] = [lengthOf(parameters.get('longer')), lengthOf(parameters.get('shorter'))];
  return gte || lte ? { ...(gte && { gte }), ...(lte && { lte }) } : undefined;
}

/** A name that ends in * is how names begin. */
function name(text: string | null) {
  if (!text) return undefined;
  return text.endsWith('*') ? { startsWith: text.slice(0, -1) } : { eq: text };
}

function tags(parameters: URLSearchParams) {
  const all = words(parameters.get('tags'));
  const any = words(parameters.get('anyTag'));
  if (!all.length && !any.length) return undefined;
  return { ...(all.length && { all }), ...(any.length && { any }) };
}

/** The filter of a view; what the address leaves out is no condition. */
export function filterOf(parameters: URLSearchParams, now: number): ExecutionFilter {
  const text = (key: string) => parameters.get(key) || undefined;
  const status = words(parameters.get('status')) as ExecutionStatus[];
  const trigger = words(parameters.get('trigger')) as TriggerType[];
  const environment = words(parameters.get('environment')) as Environment[];
  const by = words(parameters.get('by'));
  const error = parameters.get('error');
  const filter: ExecutionFilter = {
    status: status.length ? status : undefined,
    workflowName: name(parameters.get('workflow')),
    workflowId: text('workflowId'),
    triggerType: trigger.length ? trigger : undefined,
    tags: tags(parameters),
    correlationId: text('correlation'),
    parentId: text('parent'),
    hasError: error ? error === 'yes' : undefined,
    attributes: attributes(parameters.get('attributes')),
    createdAt: created(parameters, now),
    startedAt: range(parameters.get('startedFrom'), parameters.get('startedTo')),
    completedAt: range(parameters.get('endedFrom'), parameters.get('endedTo')),
    forkedFromId: text('forkedFrom'),
    environment: environment.length ? environment : undefined,
    triggeredBy: by.length ? by : undefined,
    duration: durations(parameters),
    step: stepOf(parameters),
    variable: valueOf(parameters.get('variable')),
    input: valueOf(parameters.get('input')),
    errorFingerprint: text('errorKind'),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

const BUCKETS = [60, 300, 900, 3_600, 10_800, 21_600, 86_400, 604_800, 2_592_000];
const MOST_BUCKETS = 120;

/** The shortest bucket, in seconds, that keeps a span of seconds readable. */
export function bucketFor(span: number): number {
  return BUCKETS.find((bucket) => span / bucket <= MOST_BUCKETS) ?? Math.ceil(span / MOST_BUCKETS / 86_400) * 86_400;
}
