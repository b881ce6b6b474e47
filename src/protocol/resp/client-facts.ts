/** What CLIENT LIST and INFO tell of a connection, and by which CLIENT KILL finds it. */

/** Times are in whole seconds, sizes in bytes; addresses are `host:port`. */
export interface ClientFacts {
  readonly id: number;
  readonly from: string;
  readonly reached: string;
  readonly name: string;
  readonly ageS: number;
  readonly idleS: number;
  /** How many commands wait for EXEC; undefined without MULTI. */
  readonly queuedCount: number | undefined;
  readonly isMonitor: boolean;
  /** How many channels and patterns it is subscribed to. */
  readonly channelCount: number;
  readonly patternCount: number;
  readonly bufferedBytes: number;
  readonly unreadBytes: number;
  /** The name of the command that was taken last; empty before the first. */
  readonly lastCommand: string;
  /** The version of Redis's protocol; 0 for the text protocol. */
  readonly version: number;
  readonly libName: string;
  readonly libVersion: string;
}

/** The line, its break included. Fields for which there is nothing here are as in a Redis that does without. */
export function clientLine(facts: ClientFacts): string {
  const { bufferedBytes, unreadBytes, lastCommand, queuedCount } = facts;
  const flags = `${facts.isMonitor ? 'O' : ''}${isSubscribed(facts) ? 'P' : ''}${queuedCount === undefined ? '' : 'x'}`;
  return (
    `id=${facts.id} addr=${facts.from} laddr=${facts.reached} fd=-1 name=${facts.name} age=${facts.ageS} ` +
    `idle=${facts.idleS} flags=${flags || 'N'} db=0 sub=${facts.channelCount} psub=${facts.patternCount} ssub=0 multi=${queuedCount ?? -1} qbuf=${bufferedBytes} ` +
    `qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=${unreadBytes} oll=0 omem=0 ` +
    `tot-mem=${bufferedBytes + unreadBytes} events=r cmd=${lastCommand === '' ? 'NULL' : lastCommand} user=default ` +
    `redir=-1 resp=${facts.version} lib-name=${facts.libName} lib-ver=${facts.libVersion}\n`
  );
}

export function isSubscribed({ channelCount, patternCount }: ClientFacts): boolean {
  return channelCount + patternCount > 0;
}

/** An address as Redis writes it. */
export function endpoint({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
