/** The form of filters; what is set is in the address at once. */
import { type FormEvent, useId } from 'react';
import { STATUSES, Shape, word } from '../../components/status';
import { WorkflowNames } from '../../generated/graphql';
import { useZone } from '../../lib/preferences';
import { absolute } from '../../lib/time';
import { useQuery } from '../../query';
import type { Parameters } from '../../router';
import { DEFAULT_WINDOW, FIELDS, WINDOWS, words } from './filter';

const TRIGGERS = ['MANUAL', 'SCHEDULE', 'EVENT', 'WEBHOOK', 'API'];
const MORE: readonly (readonly [string, string, string])[] = [
  ['tags', 'All tags', 'nightly, eu'],
  ['anyTag', 'Any tag', 'eu, us'],
  ['correlation', 'Correlation id', 'order-1234'],
  ['attributes', 'Attributes', 'region=eu, shard=3'],
  ['longer', 'Took longer than', '90s, 5m, 2h'],
  ['shorter', 'Took shorter than', '90s, 5m, 2h'],
  ['stepStatus', 'A step is', 'FAILED, RUNNING'],
  ['stepKey', 'Has a step', 'load'],
  ['stepError', "A step's error code", 'ENOSPC'],
  ['variable', 'Variable', 'region=eu'],
  ['input', 'Input', 'region=eu'],
  ['errorKind', 'Kind of error', 'fingerprint'],
  ['by', 'Triggered by', 'scheduler'],
  ['environment', 'Environment', 'PRODUCTION, STAGING'],
  ['parent', 'Parent execution', 'exec_…'],
  ['forkedFrom', 'Forked from', 'exec_…'],
  ['workflowId', 'Workflow version', 'wf_…'],
  ['startedFrom', 'Started from', '2026-01-31T12:00:00Z'],
  ['startedTo', 'Started before', '2026-01-31T12:00:00Z'],
  ['endedFrom', 'Ended from', '2026-01-31T12:00:00Z'],
  ['endedTo', 'Ended before', '2026-01-31T12:00:00Z'],
];
const PLACE: Parameters = { after: null, before: null };

interface Props {
  parameters: URLSearchParams;
  change: (changes: Parameters, options?: { replace?: boolean }) => void;
}

export function Filters({ parameters, change }: Props) {
  const zone = useZone();
  const names = useQuery(WorkflowNames, {});
  const list = useId();
  const set = (changes: Parameters) => change({ ...changes, ...PLACE }, { replace: false });
  const statuses = words(parameters.get('status'));
  const toggle = (status: string) =>
    set({ status: (statuses.includes(status) ? statuses.filter((one) => one !== status) : [...statuses, status]).join(',') });
  const [from, to] = [parameters.get('from'), parameters.get('to')];
  const workflows = [...new Set(names.data?.workflows.nodes.map(({ name }) => name))];
  const more = MORE.filter(([key]) => parameters.get(key)).length + (parameters.get('trigger') ? 1 : 0) + (parameters.get('error') ? 1 : 0);
  const any = FIELDS.some((key) => parameters.get(key));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    set(Object.fromEntries([...form.entries()].map(([key, value]) => [key, String(value).trim()])));
  };
  return (
    <form className="filters" role="search" aria-label="Filters" onSubmit={submit} key={parameters.toString()}>
      <div className="bar">
        <input id="filter-workflow" name="workflow" list={list} placeholder="Workflow (a name, or night*)" aria-label="Workflow" defaultValue={parameters.get('workflow') ?? ''} onBlur={(event) => event.target.value !== (parameters.get('workflow') ?? '') && event.target.form?.requestSubmit()} />
        <datalist id={list}>
          {workflows.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <div className="choices" role="group" aria-label="Status">
          {STATUSES.map((status) => (
            <button key={status} type="button" className="choice" aria-pressed={statuses.includes(status)} onClick={() => toggle(status)}>
              <Shape status={status} />
              {word(status)}
            </button>
          ))}
        </div>
        <select aria-label="Created" value={from || to ? '' : (parameters.get('window') ?? DEFAULT_WINDOW)} onChange={(event) => event.target.value && set({ window: event.target.value === DEFAULT_WINDOW ? null : event.target.value, from: null, to: null })}>
          {(from || to) && (
            <option value="">
              {from ? absolute(Date.parse(from), zone) : '…'} to {to ? absolute(Date.parse(to), zone) : 'now'}
            </option>
          )}
          {WINDOWS.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        {any && (
          <button type="button" className="quiet" onClick={() => set(Object.fromEntries([...FIELDS, 'window'].map((key) => [key, null])))}>
            Clear
          </button>
        )}
      </div>
      <details open={more > 0}>
        <summary>More filters{more ? ` (${more})` : ''}</summary>
        <div className="fields">
          <label>
            Trigger
            <select name="trigger" defaultValue={parameters.get('trigger') ?? ''} onChange={(event) => set({ trigger: event.target.value })}>
              <option value="">any</option>
              {TRIGGERS.map((trigger) => (
                <option key={trigger} value={trigger}>
                  {word(trigger)}
                </option>
              ))}
            </select>
          </label>
          <label>
            Error
            <select name="error" defaultValue={parameters.get('error') ?? ''} onChange={(event) => set({ error: event.target.value })}>
              <option value="">any</option>
              <option value="yes">reported</option>
              <option value="no">none</option>
            </select>
          </label>
          {MORE.map(([key, label, example]) => (
            <label key={key}>
              {label}
              <input name={key} placeholder={example} defaultValue={parameters.get(key) ?? ''} />
            </label>
          ))}
          <button type="submit">Apply</button>
        </div>
      </details>
    </form>
  );
}
