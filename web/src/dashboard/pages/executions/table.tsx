/** The table of executions. */
import type { ExecutionOrderField, ExecutionRowFragment } from '../../generated/graphql';
import { Progress, StatusBadge, word } from '../../components/status';
import { Link } from '../../components/ui';
import { Ago, Lasted } from '../../components/when';

interface Order {
  field: ExecutionOrderField;
  direction: 'ASC' | 'DESC';
}

interface Props {
  rows: readonly ExecutionRowFragment[];
  now: number;
  order: Order;
  sort: (field: ExecutionOrderField, direction: 'ASC' | 'DESC') => void;
  /** Null where nothing can be chosen. */
  chosen: ReadonlySet<string> | null;
  choose: (chosen: ReadonlySet<string>) => void;
}

export function ExecutionsTable({ rows, now, order, sort, chosen, choose }: Props) {
  const heading = (field: ExecutionOrderField, label: string) => {
    const by = order.field === field;
    return (
      <th scope="col" aria-sort={by ? (order.direction === 'ASC' ? 'ascending' : 'descending') : 'none'}>
        <button type="button" className="quiet" onClick={() => sort(field, by && order.direction === 'DESC' ? 'ASC' : 'DESC')}>
          {label} {by ? (order.direction === 'ASC' ? '↑' : '↓') : ''}
        </button>
      </th>
    );
  };
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    choose(next);
  };
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Table of executions">
      <table className="list">
        <thead>
          <tr>
            {chosen && (
              <th scope="col" className="tick">
                <input
                  type="checkbox"
                  aria-label="Choose all on this page"
                  checked={rows.every(({ id }) => chosen.has(id))}
                  onChange={(event) => choose(new Set(event.target.checked ? rows.map(({ id }) => id) : []))}
                />
              </th>
            )}
            <th scope="col">Status</th>
            <th scope="col">Workflow</th>
            <th scope="col">Progress</th>
            <th scope="col">Current step</th>
            {heading('STARTED_AT', 'Started')}
            {heading('DURATION', 'Duration')}
            {heading('CREATED_AT', 'Created')}
            <th scope="col">Trigger</th>
            <th scope="col">Tags</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} data-id={row.id} className={chosen?.has(row.id) ? 'chosen' : undefined}>
              {chosen && (
                <td className="tick">
                  <input type="checkbox" aria-label={`Choose ${row.workflow.name} ${row.id}`} checked={chosen.has(row.id)} onChange={() => toggle(row.id)} />
                </td>
              )}
              <td>
                <StatusBadge status={row.status} />
              </td>
              <td className="wide">
                <Link to={`/executions/${row.id}`} className="row">
                  {row.workflow.name} <span className="version">{row.workflow.version}</span>
                </Link>
                {row.error && <div className="message" title={row.error.message}>{row.error.message}</div>}
              </td>
              <td>
                <Progress counts={row.metrics.latestByStatus} />
              </td>
              <td className="clip">{row.state.currentStep ?? <span className="muted">–</span>}</td>
              <td>
                <Ago at={row.startedAt} now={now} />
              </td>
              <td>
                <Lasted of={row} now={now} />
              </td>
              <td>
                <Ago at={row.createdAt} now={now} />
              </td>
              <td title={`by ${row.triggeredBy}`}>{word(row.triggerType)}</td>
              <td className="clip">
                {row.tags.map((tag) => (
                  <span key={tag} className="tag">
                    {tag}
                  </span>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
