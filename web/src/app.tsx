/** The whole page. */

import { useEffect, useReducer, useState } from 'preact/hooks';
import { useActions } from './actions.ts';
import { ChartsPanel } from './charts.tsx';
import { ConsolePanel } from './console.tsx';
import { Icon } from './icons.tsx';
import type { LiveConnection } from './live.ts';
import { Login } from './login.tsx';
import { LogsPanel } from './logs.tsx';
import { MemberDialog, type Question } from './member-dialog.tsx';
import { NetworkPanel } from './network.tsx';
import { ServersPanel } from './servers.tsx';
import { Stage } from './stage.tsx';
import { onThemeChange } from './theme.ts';
import { TimelinePanel } from './timeline.tsx';
import { TopBar } from './top-bar.tsx';

export function App({ live }: { readonly live: LiveConnection }) {
  const [, redraw] = useReducer<number, undefined>((count) => count + 1, 0);
  const [selected, select] = useState<number>();
  const [question, ask] = useState<Question>();
  const { notice, act, dismiss } = useActions();
  useEffect(() => live.subscribe(() => redraw(undefined)), [live]);
  useEffect(() => onThemeChange(() => redraw(undefined)), []);
  const { state } = live;
  const isLost = state.connection === 'lost';
  const leader = state.frame?.leader;
  useEffect(() => {
    document.title = titleOf(isLost, leader);
  }, [isLost, leader]);

  if (state.connection === 'locked') return <Login onDone={() => live.unlock()} />;
  return (
    <div class={isLost ? 'page is-lost' : 'page'}>
      <TopBar state={state} act={act} />
      <div class="banners" aria-live="assertive">
        {isLost && (
          <p class="banner" role="alert">
            <span class="spinner" aria-hidden="true" />
            The connection to the program is lost. What you see is old; trying again every second.
          </p>
        )}
        {notice !== undefined && (
          <p class="banner is-error" role="alert" key={notice.number}>
            {notice.text}
            <button type="button" class="quiet" onClick={dismiss} aria-label="Dismiss">
              <Icon name="close" />
            </button>
          </p>
        )}
      </div>
      <main>
        <Stage live={live} state={state} selected={selected} select={select} act={act} ask={ask} />
        <div class="side">
          <ServersPanel state={state} selected={selected} act={act} ask={ask} />
          <NetworkPanel state={state} act={act} />
        </div>
        <LogsPanel state={state} />
        <ChartsPanel state={state} />
        <div class="side lower">
          <ConsolePanel />
          <TimelinePanel state={state} />
        </div>
      </main>
      {question !== undefined && (
        <MemberDialog question={question} leader={leader ?? null} act={act} close={() => ask(undefined)} />
      )}
      <footer>
        threadraft {state.hello?.version} · clients connect to {state.frame?.router ?? 'a server’s own port'}{' '}
        · <a href="/metrics">metrics for Prometheus</a>
      </footer>
    </div>
  );
}

/** What a reader sees of the page that has it in a tab behind others. */
function titleOf(isLost: boolean, leader: number | null | undefined): string {
  if (isLost) return 'lost · threadraft';
  if (leader === undefined) return 'threadraft';
  return leader === null ? 'no leader · threadraft' : `server ${leader} leads · threadraft`;
}
