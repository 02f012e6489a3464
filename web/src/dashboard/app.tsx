/** The frame around every page: where one is, who is asked, and how the connection does. */
import { Suspense, lazy, useEffect, useState } from 'react';
import { Dialog, Link, Loading, Problem } from './components/ui';
import { Viewer } from './generated/graphql';
import { useKeys } from './lib/keys';
import { chooseZone, useZone } from './lib/preferences';
import { LOCAL, isZone } from './lib/time';
import { reconnect, useConnection } from './live';
import { ExecutionsPage } from './pages/executions/page';
import { useQuery } from './query';
import { navigate, usePath } from './router';
import { signOut, useSession } from './session';
import { settings } from './settings';
import { SignIn } from './signin';
import { ViewerContext, useMay, useViewer } from './viewer';

const ExecutionPage = lazy(async () => ({ default: (await import('./pages/execution/page')).ExecutionPage }));

const WorkflowsPage = lazy(async () => ({ default: (await import('./pages/workflows/list')).WorkflowsPage }));
const WorkflowPage = lazy(async () => ({ default: (await import('./pages/workflows/workflow')).WorkflowPage }));
const FailuresPage = lazy(async () => ({ default: (await import('./pages/failures/page')).FailuresPage }));
const OperationsPage = lazy(async () => ({ default: (await import('./pages/operations/page')).OperationsPage }));

const KEYS = [
  ['j, k', 'Next and previous row'],
  ['Enter', 'Open it'],
  ['/', 'Find or filter'],
  ['g e, g w, g f, g o', 'Executions, workflows, failures, operations'],
  ['[ and ]', 'Previous and next tab of an execution'],
  ['Arrows', 'Through a graph, or the lines of a log once Enter opened one'],
  ['?', 'This list'],
  ['Esc', 'Close, or leave a field'],
] as const;

export function App() {
  const session = useSession();
  useEffect(reconnect, [session.token]);
  if (session.asked !== null) return <SignIn reason={session.asked} />;
  return <SignedIn key={session.token} />;
}

function SignedIn() {
  const viewer = useQuery(Viewer, {});
  if (viewer.error && viewer.error.code !== 'UNAUTHENTICATED') {
    return (
      <main>
        <Problem error={viewer.error} retry={viewer.reload} />
      </main>
    );
  }
  if (!viewer.data) return <Loading what="the dashboard" />;
  return (
    <ViewerContext value={viewer.data.viewer}>
      <Frame />
    </ViewerContext>
  );
}

function Frame() {
  const [help, setHelp] = useState(false);
  const [going, setGoing] = useState(false);
  const go = (to: string) => () => going && (setGoing(false), navigate(to));
  useEffect(() => {
    if (!going) return;
    const timer = setTimeout(() => setGoing(false), 1_000);
    return () => clearTimeout(timer);
  }, [going]);
  useKeys({
    '?': () => setHelp(true),
    g: () => setGoing(true),
    ...(going && { e: go('/'), w: go('/workflows'), f: go('/failures'), o: go('/operations') }),
    Escape: () => (document.activeElement as HTMLElement | null)?.blur(),
  });
  return (
    <>
      <Header showHelp={() => setHelp(true)} />
      <Page />
      {help && (
        <Dialog title="Keys" close={() => setHelp(false)}>
          <dl className="pairs">
            {KEYS.map(([key, meaning]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      )}
    </>
  );
}

function Page() {
  return <Suspense fallback={<Loading what="the page" />}>{pageAt(usePath())}</Suspense>;
}

function pageAt(path: string) {
  const [, first, ...rest] = path.split('/').map(decodeURIComponent);
  const name = rest.join('/');
  if (path === '/') return <ExecutionsPage />;
  if (first === 'executions' && name) return <ExecutionPage key={name} id={name} />;
  if (first === 'workflows') return name ? <WorkflowPage key={name} name={name} /> : <WorkflowsPage />;
  if (path === '/failures') return <FailuresPage />;
  if (path === '/operations') return <OperationsPage />;
  return <NoPage />;
}

function NoPage() {
  return (
    <main className="empty">
      <h1>There is no such page</h1>
      <p>
        <Link to="/">All executions</Link>
      </p>
    </main>
  );
}

function Header({ showHelp }: { showHelp: () => void }) {
  const path = usePath();
  const viewer = useViewer();
  const mayRule = useMay('ADMIN');
  const mayWrite = useMay('WRITE');
  const pages: [string, string, boolean][] = [
    ['/', 'Executions', path === '/' || path.startsWith('/executions')],
    ['/workflows', 'Workflows', path.startsWith('/workflows')],
    ['/failures', 'Failures', path === '/failures'],
  ];
  if (mayRule) pages.push(['/operations', 'Operations', path === '/operations']);
  return (
    <header className="top">
      <Link to="/" className="brand" aria-label="Flowkeep, all executions">
        <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
          <rect width="16" height="16" rx="3" />
          <path d="M5 12V4h6M5 8h4" />
        </svg>
        Flowkeep
      </Link>
      <nav aria-label="Pages">
        {pages.map(([to, label, here]) => (
          <Link key={to} to={to} aria-current={here ? 'page' : undefined}>
            {label}
          </Link>
        ))}
        {settings.graphiql && <a href="/graphql">GraphiQL</a>}
      </nav>
      <div className="side">
        <ConnectionState />
        <ZoneChoice />
        <button type="button" className="quiet" onClick={showHelp} aria-label="Keys">
          ?
        </button>
        {!mayWrite && (
          <span className="tag" title="Your token does not have the scope WRITE: what changes executions is not shown.">
            read only
          </span>
        )}
        {viewer.isAuthenticated && (
          <button type="button" className="quiet" onClick={signOut} title={`${viewer.name} (${viewer.scopes.join(', ')})`}>
            Sign out {viewer.name}
          </button>
        )}
      </div>
    </header>
  );
}

function ConnectionState() {
  const connection = useConnection();
  const said = { idle: '', connecting: 'Connecting', live: 'Live', lost: 'Connection lost, trying again' }[connection];
  return (
    <span className={`connection c-${connection}`} role="status">
      {said}
    </span>
  );
}

const ZONES = ['UTC', LOCAL, 'America/Los_Angeles', 'America/New_York', 'Europe/London', 'Europe/Berlin', 'Asia/Kolkata', 'Asia/Tokyo', 'Australia/Sydney'];

function ZoneChoice() {
  const zone = useZone();
  const zones = [...new Set([...ZONES, zone])].filter(isZone);
  return (
    <select className="quiet" aria-label="Time zone" value={zone} onChange={(event) => chooseZone(event.target.value)}>
      {zones.map((name) => (
        <option key={name} value={name}>
          {name === LOCAL && name !== 'UTC' ? `${name} (local)` : name}
        </option>
      ))}
    </select>
  );
}
