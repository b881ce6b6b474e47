/** What matters most, in one line: who leads, how much it serves, and whether this page is live. */

import { useEffect, useState } from 'preact/hooks';
import type { Act } from './actions.ts';
import { setLoad } from './api.ts';
import { termColour } from './colours.ts';
import { milliseconds, short } from './format.ts';
import { Icon } from './icons.tsx';
import type { LiveState } from './live.ts';
import { currentTheme, toggleTheme } from './theme.ts';

const LOADS = [
  { label: 'Off', perS: 0 },
  { label: '100/s', perS: 100 },
  { label: '1k/s', perS: 1_000 },
  { label: '10k/s', perS: 10_000 },
  { label: 'Max', perS: 1_000_000 },
] as const;

export function TopBar({ state, act }: { readonly state: LiveState; readonly act: Act }) {
  const { frame, connection } = state;
  const sample = state.samples.at(-1);
  const leader = frame?.leader ?? null;
  const term = Math.max(0, ...(frame?.servers ?? []).map(({ seen }) => seen?.term ?? 0));
  return (
    <header class="top">
      <h1>
        <img src="/icon.svg" alt="" width="26" height="26" />
        threadraft
      </h1>
      <p class={`health ${leader === null ? 'is-bad' : 'is-good'}`} role="status">
        <span class="lamp" aria-hidden="true" />
        {leader === null ? 'No leader' : `Server ${leader} leads`}
        {frame !== undefined && (
          <span class="chip" style={{ '--chip': termColour(term) }}>
            term {term}
          </span>
        )}
      </p>
      <dl class="vitals">
        <Vital name="writes/s" value={sample === undefined ? '–' : short(sample.writesPerS)} />
        <Vital name="reads/s" value={sample === undefined ? '–' : short(sample.readsPerS)} />
        <Vital name="write p99" value={sample?.writeMs == null ? '–' : milliseconds(sample.writeMs.p99)} />
        <Vital name="clients" value={sample === undefined ? '–' : short(sample.connections)} />
      </dl>
      <LoadSwitch state={state} act={act} />
      <p class={`connection is-${connection}`}>
        <span class="lamp" aria-hidden="true" />
        {connection === 'live' ? 'live' : connection === 'lost' ? 'lost' : 'connecting'}
      </p>
      <button
        type="button"
        class="quiet theme"
        onClick={toggleTheme}
        aria-label={currentTheme() === 'dark' ? 'Use light colours' : 'Use dark colours'}
      >
        <Icon name={currentTheme() === 'dark' ? 'sun' : 'moon'} />
      </button>
    </header>
  );
}

function Vital({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function LoadSwitch({ state, act }: { readonly state: LiveState; readonly act: Act }) {
  const current = state.frame?.load.requestsPerS ?? 0;
  /** What was chosen and the program does not tell yet. */
  const [wanted, setWanted] = useState<number>();
  useEffect(() => {
    if (wanted === current) setWanted(undefined);
  }, [wanted, current]);
  const choose = async (perS: number) => {
    setWanted(perS);
    await setLoad(perS).catch((error: unknown) => {
      setWanted(undefined);
      throw error;
    });
  };
  const shown = wanted ?? current;
  return (
    <fieldset class="load">
      <legend>Load</legend>
      {LOADS.map(({ label, perS }) => (
        <label key={label} class={perS === shown ? 'is-on' : ''}>
          <input type="radio" name="load" checked={perS === shown} onChange={() => act(() => choose(perS))} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
