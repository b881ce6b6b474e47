/**
 * The host that redirects name: '' stands for the address by which the client has reached the redirecting server, where `host` is
 * 0.0.0.0 or ::, in any spelling.
 */
export function advertised(host: string): string {
  return /^[0.:]+$/.test(host) ? '' : host;
}
