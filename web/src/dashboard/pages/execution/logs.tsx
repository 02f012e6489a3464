/** The log: all of it by line number, or the lines that a search finds; live either way. */
import { useCallback, useDeferredValue, useState } from 'react';
import { Download } from '../../components/ui';
import { useParameters } from '../../router';
import type { LogFilter, LogLevel } from '../../generated/graphql';
import { useKeys } from '../../lib/keys';
import { FoundLog } from './found';
import { WholeLog } from './whole';

const LEVELS: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARN', 'ERROR'];

export interface LogProps {
  id: string;
  beginning: string;
  running: boolean;
  times: 'absolute' | 'relative';
}

const LISTED_STEPS = 500;

export function LogsTab({ id, beginning, running, steps }: Omit<LogProps, 'times'> & { steps: readonly string[] }) {
  const [parameters, change] = useParameters();
  const [times, setTimes] = useState<'absolute' | 'relative'>('absolute');
  const level = parameters.get('level') as LogLevel | null;
  const stepKey = parameters.get('logStep');
  const text = useDeferredValue(parameters.get('find') ?? '');
  const line = Number(parameters.get('line')) || null;
  const filter: LogFilter = { ...(level && { minLevel: level }), ...(stepKey && { stepKey }), ...(text && { text }) };
  const narrowed = Object.keys(filter).length > 0;
  const around = useCallback((seq: number) => change({ line: String(seq), find: null, level: null, logStep: null }, { replace: false }), [change]);
  useKeys({ '/': () => document.getElementById('log-find')?.focus() });
  const props: LogProps = { id, beginning, running, times };
  return (
    <section className="logs panel" aria-label="Log">
      <div className="bar">
        <input
          id="log-find"
          type="search"
          placeholder="Find in the log"
          aria-label="Find in the log"
          defaultValue={text}
          key={narrowed ? 'narrowed' : 'whole'}
          autoFocus={text !== ''}
          onChange={(event) => change({ find: event.target.value, line: null })}
        />
        <select aria-label="Least level" value={level ?? ''} onChange={(event) => change({ level: event.target.value, line: null })}>
          <option value="">All levels</option>
          {LEVELS.slice(1).map((name) => (
            <option key={name} value={name}>
              {name} and above
            </option>
          ))}
        </select>
        <input
          type="search"
          list="log-steps"
          placeholder="All steps"
          aria-label="Only this step"
          defaultValue={stepKey ?? ''}
          key={`step ${stepKey}`}
          onChange={(event) => {
            const { value } = event.target;
            if (value === '' || steps.includes(value)) change({ logStep: value, line: null });
          }}
        />
        <datalist id="log-steps">
          {steps.slice(0, LISTED_STEPS).map((key) => (
            <option key={key} value={key} />
          ))}
        </datalist>
        <span className="grow" />
        <button type="button" className="quiet" onClick={() => setTimes(times === 'absolute' ? 'relative' : 'absolute')}>
          {times === 'absolute' ? 'Times since the start' : 'Times of day'}
        </button>
        <Download id={id} name="log.txt" label="Download" />
      </div>
      {narrowed ? <FoundLog key={JSON.stringify(filter)} {...props} filter={filter} around={around} /> : <WholeLog key={line} {...props} line={line} narrow={(key) => change({ logStep: key })} />}
    </section>
  );
}
