/** How the service itself does, for those who may rule it. */
import { Empty, Tabs } from '../../components/ui';
import { useParameters } from '../../router';
import { useMay } from '../../viewer';
import { AuditTab } from './audit';
import { HealthTab } from './health';
import { RetentionTab } from './retention';
import { TokensTab } from './tokens';

const TABS = [
  ['health', 'Health'],
  ['retention', 'Retention'],
  ['tokens', 'Tokens'],
  ['audit', 'Audit log'],
] as const;

export function OperationsPage() {
  const [parameters, change] = useParameters();
  const mayRule = useMay('ADMIN');
  const tab = TABS.find(([name]) => name === parameters.get('tab'))?.[0] ?? 'health';
  return (
    <main>
      <h1>Operations</h1>
      {mayRule ? (
        <>
          <Tabs tabs={TABS} chosen={tab} choose={(name) => change({ tab: name === 'health' ? null : name }, { replace: false })} />
          <div role="tabpanel" aria-labelledby={`tab-${tab}`} className="tabpanel">
            {tab === 'health' && <HealthTab />}
            {tab === 'retention' && <RetentionTab />}
            {tab === 'tokens' && <TokensTab />}
            {tab === 'audit' && <AuditTab />}
          </div>
        </>
      ) : (
        <Empty title="This takes the scope ADMIN">
          <p>Retention, tokens and the audit log are for who rules the service; your token does not have the scope.</p>
          <HealthTab />
        </Empty>
      )}
    </main>
  );
}
